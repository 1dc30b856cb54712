-- wrk … -s zipf.lua URL -- FOLDER [PATH]
--
-- Visitors of FOLDER/agents.txt, any one as likely as the other, at the short codes of FOLDER/slugs.txt, where the n-th
-- is asked for 1/n times as often as the first. With PATH it is always that path, so that the same agents can be
-- sent to a server without short codes.
local DRAWS = 131072
local requests, at = {}, 0

local function lines(path)
  local all = {}
  for line in io.lines(path) do all[#all + 1] = line end
  return all
end

local function ask(path, agent)
  return "GET " .. path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\nUser-Agent: " .. agent .. "\r\n\r\n"
end

-- For every rank: how much of the whole is asked of it and of those before it.
local function shares(count)
  local sums, sum = {}, 0
  for rank = 1, count do
    sum = sum + 1 / rank
    sums[rank] = sum
  end
  return sums, sum
end

local function draw(sums, sum)
  local wanted, low, high = math.random() * sum, 1, #sums
  while low < high do
    local middle = math.floor((low + high) / 2)
    if sums[middle] < wanted then low = middle + 1 else high = middle end
  end
  return low
end

function init(args)
  math.randomseed(os.time())
  local slugs, agents, path = lines(args[1] .. "/slugs.txt"), lines(args[1] .. "/agents.txt"), args[2]
  local sums, sum = shares(#slugs)
  for place = 1, DRAWS do
    requests[place] = ask(path or "/" .. slugs[draw(sums, sum)], agents[math.random(#agents)])
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
