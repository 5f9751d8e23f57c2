"""The head-end: takes masters in, gives them schedules, keeps and shows what they read (DESIGN 5.9)."""
