#!/usr/bin/env bash
# Makes sure that the browser tests have a Chromium: the one installed, else Debian's package where apt and root allow.
# Never fails: without a browser those tests say so and are skipped.
set -u
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing Debian's chromium for the browser tests"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 && exit 0
fi
echo "no Chromium found and none could be installed: the browser tests will be skipped" >&2
exit 0
