"""The one owner of a bus, and what it knows about it.

============== =========================================================================================
`requests`     what a client's frame asks for, and whether clients may ask that
`sharing`      selection and frame count bits of many clients on one bus
`answers`      lets only bytes through that belong to the request
`turns`        who is next: conversations, priorities, fairness
`arbiter`      carries all this out on a line; `seats` is what it keeps of its clients, `carried` what watchers are told
`client`       what a channel or a job holds to use the bus
`engine`       keeps the line to the converter open
`switches`     meters that a client told to use another rate: followed, and switched back
`writes`       write services in words, for those who keep a record of them
`users`        who holds the bus, who waits, who is connected
`stations`     which meter a transaction was with; `meters` counts by meter
`traffic`      the bus monitor; `describing` decodes its entries for people
`health`       the state of the bus in one word; `line` watches current and temperature
============== =========================================================================================
"""
