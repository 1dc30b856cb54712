-- wrk … -s visits.lua URL -- FILE
--
-- The visits of FILE, one a line, in turn: path, address, agent, referrer and languages, with tabs between them.
local requests, at = {}, 0

function init(args)
  local shape = "GET %s HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nX-Forwarded-For: %s\r\nUser-Agent: %s\r\n"
    .. "Referer: %s\r\nAccept-Language: %s\r\n\r\n"
  for line in io.lines(args[1]) do
    requests[#requests + 1] = shape:format(line:match("^(.-)\t(.-)\t(.-)\t(.-)\t(.-)$"))
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
