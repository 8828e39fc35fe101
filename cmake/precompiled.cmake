# TAMIS_PCH: the standard library, fmt and Asio are read once per target instead of once per file. test/run builds with it.
# Off by default: with it a missing #include goes unnoticed, and a change of a common header costs more.
option(TAMIS_PCH "precompiled headers" OFF)
function(tamis_precompile target)
  if(NOT TAMIS_PCH)
    return()
  endif()
  cmake_parse_arguments(ARG "ASIO" "" "MORE" ${ARGN})
  set(headers <algorithm> <array> <chrono> <cstdint> <expected> <functional> <map> <memory> <mutex> <optional> <set> <string>
              <string_view> <utility> <variant> <vector> <fmt/format.h>)
  if(ARG_ASIO)
    list(APPEND headers <boost/asio/as_tuple.hpp> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp>
                        <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp>)
  endif()
  target_precompile_headers(${target} PRIVATE ${headers} ${ARG_MORE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # else ccache cannot use them
  endif()
endfunction()
