"""The line monitor: current, temperature and alarms of a bus, and when it is shut down (guide 1.3.1).

================== =====================================================================================
`reading`          what a source gives, and what the bus shows
`sources`          settings made into one source: `control_socket`, `places` (hwmon, IIO, GPIO, modem lines)
`idle`             the idle current, learnt while nobody sends
`guard`            warning, shutting down, coming back: a state machine
`watch`            carries it out
`collisions`       answers of several meters, seen by their current
================== =====================================================================================
"""
