// pg_server - a private PostgreSQL server for tests: own data directory, own socket directory, a free TCP port
//
// Runs as user postgres when the tests run as root. Ends with the object, and with the program even when that crashes.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace tamis::test {

class PgServer {
public:
    // is_wanted - false only with TAMIS_NO_POSTGRES=1; without PostgreSQL's programs the constructor then throws
    static bool is_wanted();

    explicit PgServer(std::vector<std::string> settings = {});  // "name=value"
    ~PgServer();
    PgServer(const PgServer&) = delete;
    PgServer& operator=(const PgServer&) = delete;

    void start();   // returns when it accepts connections; the server ends with the thread that calls this
    void stop();    // immediate shutdown: as if the machine lost power
    void freeze();  // SIGSTOP to every process of it
    void thaw();
    int port() const { return port_; }
    pid_t pid() const { return pid_; }

    // url - postgresql://user@127.0.0.1:port/database
    std::string url(std::string_view database, std::string_view user = "postgres") const;
    // make_database - an empty one with a name of its own
    std::string make_database(std::string_view encoding = "UTF8");
    // query - rows of texts, columns joined by "|"; NULL is "(null)". Throws on an error.
    std::vector<std::string> query(std::string_view database, const std::string& sql) const;
    // cpu_seconds - of all its processes so far
    double cpu_seconds() const;

private:
    std::vector<pid_t> processes() const;
    std::string folder_, programs_;
    std::vector<std::string> settings_;
    int port_ = 0;
    int databases_ = 0;
    pid_t pid_ = -1;
};

}  // namespace tamis::test
