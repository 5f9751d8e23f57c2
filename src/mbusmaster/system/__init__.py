"""What the master needs of the machine it runs on."""
