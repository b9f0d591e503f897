-- wrk script of servemark: rotates through a corpus of requests, and prints a summary as JSON.
-- Arguments: a corpus file; and the word "each" where a request is to be put together anew each time, as the scripts
-- that come with wrk do, and not once before. A corpus is a list of records, each "<length>\n<request>".

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
    local length = file:read("*n")
    if length == nil then break end
    file:read(1)
    requests[#requests + 1] = assert(file:read(length))
  end
  file:close()
  assert(#requests > 0, "the corpus is empty")
end

-- What wrk.format takes for a request, which then adds the host and the body's length by itself.
local function take_apart(whole)
  local from, to = whole:find("\r\n\r\n", 1, true)
  local method, path, lines = whole:sub(1, from + 1):match("^(%S+) (%S+) HTTP/1.1\r\n(.*)$")
  local headers = {}
  for name, value in lines:gmatch("([^:\r\n]+): ([^\r\n]*)") do headers[name] = value end
  headers["Content-Length"] = nil
  return { method = method, path = path, headers = headers, body = to < #whole and whole:sub(to + 1) or nil }
end

local function put_together()
  at = at % #parts + 1
  local part = parts[at]
  return wrk.format(part.method, part.path, part.headers, part.body)
end

function init(args)
  read_corpus(args[1])
  -- Threads begin at different images, so that they do not send the same one at the same time.
  at = (first * 97) % #requests
  if args[2] == "each" then
    for number, whole in ipairs(requests) do parts[number] = take_apart(whole) end
    request = put_together
  end
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
