-- wrk script of servemark: rotates through a corpus of requests, and prints a summary as JSON.
-- Arguments: a corpus file, or nothing for plain GET /; and the word "each" where a request is to be put together
-- anew each time, as the scripts that come with wrk do, and not once before. A corpus is a list of records, each
--   "<content type>\n<body length>\n<body>".

local requests = {}
local parts = {}
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
    local headers = { ["Content-Type"] = content_type }
    parts[#parts + 1] = { headers = headers, body = body }
    requests[#requests + 1] = wrk.format("POST", "/", headers, body)
  end
  file:close()
  assert(#requests > 0, "the corpus is empty")
end

local function put_together()
  at = at % #parts + 1
  return wrk.format("POST", "/", parts[at].headers, parts[at].body)
end

function init(args)
  if args[1] == nil then
    requests[1] = wrk.format("GET", "/")
    return
  end
  read_corpus(args[1])
  -- Threads begin at different images, so that they do not send the same one at the same time.
  at = (first * 97) % #requests
  if args[2] == "each" then request = put_together end
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
