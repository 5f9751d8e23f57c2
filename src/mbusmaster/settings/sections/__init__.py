"""The sections of the settings: what each setting means, its default and its limits."""
