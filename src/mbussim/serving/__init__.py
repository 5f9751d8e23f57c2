"""The simulated bus behind real ports: TCP and a pty, in real time or without waiting, and a control socket."""
