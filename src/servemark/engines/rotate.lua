-- wrk script of servemark: rotates through a corpus of requests, and prints a summary as JSON.
-- Argument: a corpus file, or nothing for plain GET /. A corpus is a list of records, each
--   "<content type>\n<body length>\n<body>".

local requests = {}
local at = 0
local threads = 0

function setup(thread)
  thread:set("first", threads)
  threads = threads + 1
end

local function read_corpus(path)
  local file = assert(io.open(path, "rb"))
  while true do
    local content_type = file:read("*l")
    if content_type == nil then break end
    local length = assert(file:read("*n"))
    file:read(1)
    local body = length > 0 and assert(file:read(length)) or ""
    requests[#requests + 1] = wrk.format("POST", "/", { ["Content-Type"] = content_type }, body)
  end
  file:close()
  assert(#requests > 0, "the corpus is empty")
end

function init(args)
  if args[1] == nil then
    requests[1] = wrk.format("GET", "/")
    return
  end
  read_corpus(args[1])
  -- Threads begin at different images, so that they do not send the same one at the same time.
  at = (first * 97) % #requests
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"duration_us":%d,"requests":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,' ..
    '"timeout":%d,"mean_us":%.3f,"p50_us":%d,"p75_us":%d,"p90_us":%d,"p99_us":%d,"max_us":%d}\n',
    summary.duration, summary.requests, summary.bytes, errors.connect, errors.read, errors.write,
    errors.status, errors.timeout, latency.mean, latency:percentile(50), latency:percentile(75),
    latency:percentile(90), latency:percentile(99), latency.max))
end
