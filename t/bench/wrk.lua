-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- wrk -s wrk.lua ... URL -- PATH FILE: requests for PATH, each with the next
-- line of FILE as a header (an empty line: none), from anywhere in it on.
-- Ends with a line for APIKey::BenchLoad.

local requests = {}
local at = 0

function init(args)
   for line in io.lines(args[2]) do
      local name, value = line:match("^(%S+): (.*)$")
      local headers = { Host = "a" }
      if name then headers[name] = value end
      requests[#requests + 1] = wrk.format("GET", args[1], headers)
   end
   math.randomseed(os.time())
   at = math.random(#requests)
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   print(string.format("figures: %d %d %d %d %d %d", summary.requests,
      summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write
                     + errors.timeout))
end
