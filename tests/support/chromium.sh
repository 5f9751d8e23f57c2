#!/bin/sh
# Chromium without a window of its own, behind everything else: what draws must not hold up what keeps the times of a bus.
exec nice -n 10 chromium-headless-shell "$@"
