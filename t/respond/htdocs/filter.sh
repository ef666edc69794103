#!/bin/sh
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Writes its input and after that its environment.

cat
env
