// async - the few names every coroutine file needs, with narrow includes
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tamis {

namespace asio = boost::asio;

template <class T>
using Task = asio::awaitable<T>;

// as_result - completion without exceptions: auto [error, ...] = co_await x.async_y(..., as_result)
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

}  // namespace tamis
