"""The head-end: takes masters in, gives them schedules, keeps and shows what they read (DESIGN 5.9).

============================================  ========================================================================
cli.py, commands.py, administration/          the command `mbusheadend`
schedule_options.py, schedule_command.py      its part for schedules
stream_options.py, stream_command.py          its part for the stream
service.py, tenants/                          what runs: doors, and behind them what works for each tenant
settings.py, state.py                         what people set; what lies in the state folder
app.py, server.py, peers.py, bodies.py        what masters call, over TLS: who they are, bounded requests
hosting_api.py, turnstile.py, presence.py     contacts and deliveries; who is let in when; who is connected
est.py, authority.py, tokens.py               how masters are taken in, and get their certificates
store/                                        what is kept, on SQLite or PostgreSQL
stream/, archive/, backup/                    uploads by way of NATS; old readings as Parquet; all of it as one file
decoding/, judging/, export/, views/          what telegrams say, what that tells, as files, for the eye
watch/, alarms/, filling/, upkeep.py          what it does by itself: watches, tells people, closes gaps, cleans up
fleet/, meterfile.py, keyfile.py              what people do with masters, meters, schedules, lists and keys
firmware/, rollout/                           releases for masters, and how they are brought to a fleet in rings
tunnel/                                       reading the bus of a master by way of the head-end
local/                                        masters that it reads itself
web/, users.py, roles.py, audit_kinds.py      pages and API, and who may what
jobs.py, waits.py                             work that takes longer; waiting for whichever comes first
between.py, courier.py, gossip.py, nudges.py  what several processes share, and tell each other
jobs_between.py, presence_between.py, led.py  by that: jobs and connections of all, work of one of them
upkeep_between.py                             by that too: what was done for the store
timeservice.py, health.py, metrics.py         time for masters; for load balancers; for Prometheus
============================================  ========================================================================
"""
