"""What people do with masters, meters, groups and schedules: functions over the store, without the web."""
