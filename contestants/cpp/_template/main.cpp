// The model behind Boost.Beast: threads that run Asio's loop are the workers, and each of them also infers.

#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>
#include <utility>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "_predictor/failure.hpp"
#include "_predictor/form.hpp"
#include "_predictor/predictor.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;
using namespace predictor;
using asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto patience = 30s; // for a request, and for the next one on a connection

struct Service {
    const Predictor& predictor;
    std::atomic<int> in_flight = 0;
    std::atomic<bool> stopping = false;
};

Response reply(const http::request_header<>& request, int status, std::string body)
{
    Response response(http::int_to_status(status), request.version());
    response.set(http::field::content_type, beast::string_view(json.data(), json.size()));
    response.body() = std::move(body);
    return response;
}

std::string predict(const Request& request, const Predictor& predictor)
{
    const auto header = request[http::field::content_type];
    const std::string_view content_type(header.data(), header.size());
    if (upload_of(content_type) == Upload::form)
        return predictor.predict(file_in_form(content_type, request.body(), "image"));
    return predictor.predict(request.body());
}

std::string route(const Request& request, const Predictor& predictor)
{
    const auto path = request.target().substr(0, request.target().find('?'));
    const auto method = request.method();
    if (path == "/" && method == http::verb::post) return predict(request, predictor);
    if (path == "/" && method == http::verb::get) return predictor.predict_test_image();
    if (path == "/healthz" && method == http::verb::get) return std::string(health);
    throw path == "/" || path == "/healthz" ? failures::method_not_allowed : failures::not_found;
}

Response respond(const Request& request, const Predictor& predictor)
{
    try {
        return reply(request, 200, route(request, predictor));
    } catch (const Failure& failure) {
        auto response = reply(request, failure.status, failure.body());
        if (failure.status == failures::method_not_allowed.status)
            response.set(http::field::allow, request.target() == "/" ? "GET, POST" : "GET");
        return response;
    } catch (const std::exception& error) {
        std::cerr << error.what() << std::endl;
        return reply(request, failures::internal.status, failures::internal.body());
    }
}

// Says what is wrong with a request that could not be read, and waits until the client has read it: a
// connection that is closed on bytes that are still coming is reset.
asio::awaitable<void> refuse(beast::tcp_stream& stream, const Request& request, beast::error_code why)
{
    if (why.category() != make_error_code(http::error::bad_method).category() || why == http::error::end_of_stream
        || why == http::error::partial_message)
        co_return; // the client has gone, or has been too slow
    const auto& failure = why == http::error::body_limit ? failures::too_large : failures::unreadable;
    auto response = reply(request, failure.status, failure.body());
    response.keep_alive(false);
    response.prepare_payload();
    stream.expires_after(2s);
    beast::error_code error;
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
    stream.socket().shutdown(tcp::socket::shutdown_send, error);
    for (char rest[16384]; !error;)
        co_await stream.async_read_some(asio::buffer(rest), asio::redirect_error(asio::use_awaitable, error));
}

// Answers what comes on one connection.
asio::awaitable<void> converse(tcp::socket socket, Service& service)
{
    socket.set_option(tcp::no_delay(true));
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer;
    beast::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    for (bool keep_alive = true; keep_alive;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(service.predictor.settings.max_body_bytes);
        stream.expires_after(patience);
        co_await http::async_read_header(stream, buffer, parser, token);
        if (error) co_return co_await refuse(stream, parser.get(), error);

        ++service.in_flight;
        const auto done = std::shared_ptr<void>(nullptr, [&](void*) { --service.in_flight; });
        if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
            http::response<http::empty_body> go_on(http::status::continue_, parser.get().version());
            co_await http::async_write(stream, go_on, token);
        }
        co_await http::async_read(stream, buffer, parser, token);
        if (error) co_return co_await refuse(stream, parser.get(), error);
        auto response = respond(parser.get(), service.predictor);
        keep_alive = parser.get().keep_alive() && !service.stopping;
        response.keep_alive(keep_alive);
        response.prepare_payload();
        co_await http::async_write(stream, response, token);
        if (error) co_return;
    }
    stream.socket().shutdown(tcp::socket::shutdown_send, error);
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, Service& service)
{
    while (!service.stopping) {
        beast::error_code error;
        // A strand for each connection, so that its timer and its work never meet.
        auto socket = co_await acceptor.async_accept(
            asio::make_strand(acceptor.get_executor()), asio::redirect_error(asio::use_awaitable, error));
        if (error) { // the client has gone, or there are too many open files: others are served meanwhile
            co_await asio::steady_timer(acceptor.get_executor(), 50ms).async_wait(asio::use_awaitable);
            continue;
        }
        const auto strand = socket.get_executor();
        asio::co_spawn(strand, converse(std::move(socket), service), asio::detached);
    }
}

// On SIGTERM: no more connections; what is in flight has 4 of the contract's 5 seconds to finish.
asio::awaitable<void> stop(asio::io_context& io, tcp::acceptor& acceptor, Service& service)
{
    asio::signal_set signals(io, SIGTERM, SIGINT);
    co_await signals.async_wait(asio::use_awaitable);
    service.stopping = true;
    acceptor.close();
    asio::steady_timer timer(io);
    for (auto waited = 0ms; waited == 0ms || (service.in_flight > 0 && waited < 4s); waited += 50ms) {
        timer.expires_after(50ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
    io.stop();
}

void serve(std::span<char*>)
{
    const Predictor predictor(Settings::read());
    const auto& settings = predictor.settings;
    asio::io_context io(settings.workers);
    tcp::acceptor acceptor(asio::make_strand(io), {asio::ip::make_address(settings.host), settings.port});
    Service service{predictor};
    asio::co_spawn(acceptor.get_executor(), accept(acceptor, service), asio::detached);
    asio::co_spawn(acceptor.get_executor(), stop(io, acceptor, service), asio::detached);
    std::vector<std::jthread> workers;
    for (int i = 1; i < settings.workers; ++i) workers.emplace_back([&] { io.run(); });
    io.run();
}

} // namespace

int main(int count, char** arguments) { return run(serve, {arguments, static_cast<std::size_t>(count)}); }
