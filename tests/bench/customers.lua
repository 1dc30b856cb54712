-- wrk … -s customers.lua URL -- FILE METHOD [BODY]
--
-- The same request with the keys of FILE, one a line, in turn.
local requests, at = {}, 0

function init(args)
  local headers = {}
  if args[3] then headers["Content-Type"] = "application/json" end
  for key in io.lines(args[1]) do
    headers["Authorization"] = "Bearer " .. key
    requests[#requests + 1] = wrk.format(args[2], wrk.path, headers, args[3])
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
