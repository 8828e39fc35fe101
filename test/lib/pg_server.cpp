#include "test/lib/pg_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace tamis::test {
namespace {

namespace fs = std::filesystem;

std::string find_programs() {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored))
        if (fs::exists(entry.path() / "bin/initdb")) found.push_back(entry.path() / "bin");
    if (found.empty())
        throw std::runtime_error(
            "PostgreSQL is not installed (looked in /usr/lib/postgresql/*/bin); install it: apt-get install "
            "postgresql, or set TAMIS_NO_POSTGRES=1 to leave these tests out");
    return std::ranges::max(found).string();
}

int free_port() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    // the socket API wants the general type
    auto* general = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener, general, size) != 0 || getsockname(listener, general, &size) != 0)
        throw std::runtime_error("no free port");
    close(listener);
    return ntohs(address.sin_port);
}

// become_postgres - in a child: not root any more, and gone when the test program goes
void become_postgres(int signal_on_death) {
    if (geteuid() == 0) {
        const passwd* user = getpwnam("postgres");
        if (user == nullptr || initgroups("postgres", user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
            setuid(user->pw_uid) != 0)
            _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, signal_on_death);
}

pid_t launch(const std::vector<std::string>& command, const std::string& log) {
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = fork();
    if (child != 0) return child;
    become_postgres(SIGQUIT);
    if (chdir("/") != 0) _exit(126);
    const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(output, 1);
    dup2(output, 2);
    execv(arguments.front(), arguments.data());
    _exit(127);
}

}  // namespace

bool PgServer::is_wanted() {
    const char* off = std::getenv("TAMIS_NO_POSTGRES");
    return off == nullptr || std::string_view(off) != "1";
}

PgServer::PgServer(std::vector<std::string> settings) : programs_(find_programs()), settings_(std::move(settings)) {
    std::string pattern = (fs::temp_directory_path() / "tamis-pg-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = pattern;
    if (geteuid() == 0) {
        const passwd* user = getpwnam("postgres");
        if (user == nullptr || chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0)
            throw std::runtime_error("chown to postgres");
    }
    const pid_t child = launch({programs_ + "/initdb", "-D", folder_ + "/data", "-A", "trust", "-U", "postgres", "-E", "UTF8",
                                "--locale=C", "--no-sync"},
                               folder_ + "/log");
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) throw std::runtime_error("initdb failed, see " + folder_ + "/log");
    {
        // a role with a password, so that tests can be refused
        std::ofstream rules(folder_ + "/data/pg_hba.conf");
        rules << "host all secretive 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n";
    }
    port_ = free_port();
    start();
}

PgServer::~PgServer() {
    stop();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

void PgServer::start() {
    std::vector<std::string> command{programs_ + "/postgres",     "-D", folder_ + "/data", "-p",
                                     std::to_string(port_),       "-k", folder_,           "-c",
                                     "listen_addresses=127.0.0.1"};
    for (const auto& setting : settings_) {
        command.emplace_back("-c");
        command.push_back(setting);
    }
    pid_ = launch(command, folder_ + "/log");
    for (int i = 0; i < 3000; ++i) {  // a minute: the machine may be busy
        if (PQping(url("postgres").c_str()) == PQPING_OK) return;
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) break;
        usleep(20'000);
    }
    throw std::runtime_error("PostgreSQL does not start, see " + folder_ + "/log");
}

void PgServer::stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGQUIT);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::vector<pid_t> PgServer::processes() const {
    std::vector<pid_t> found{pid_};
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pid_));
    for (pid_t child = 0; children >> child;) found.push_back(child);
    return found;
}

void PgServer::freeze() {
    for (const auto process : processes()) kill(process, SIGSTOP);
}

void PgServer::thaw() {
    for (const auto process : processes()) kill(process, SIGCONT);
}

std::string PgServer::url(std::string_view database, std::string_view user) const {
    return fmt::format("postgresql://{}@127.0.0.1:{}/{}", user, port_, database);
}

std::string PgServer::make_database(std::string_view encoding) {
    std::string name = fmt::format("test{}", ++databases_);
    query("postgres",
          fmt::format("CREATE DATABASE {} ENCODING '{}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0", name, encoding));
    return name;
}

std::vector<std::string> PgServer::query(std::string_view database, const std::string& sql) const {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> handle(PQconnectdb(url(database).c_str()), &PQfinish);
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(handle.get(), sql.c_str()), &PQclear);
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        throw std::runtime_error(sql + ": " + PQerrorMessage(handle.get()));
    std::vector<std::string> rows;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
        std::string line;
        for (int column = 0; column < PQnfields(result.get()); ++column) {
            if (column > 0) line += '|';
            line += PQgetisnull(result.get(), row, column) == 1 ? "(null)" : PQgetvalue(result.get(), row, column);
        }
        rows.push_back(std::move(line));
    }
    return rows;
}

double PgServer::cpu_seconds() const {
    double ticks = 0;
    for (const auto process : processes()) {
        std::ifstream stat(fmt::format("/proc/{}/stat", process));
        std::string text((std::istreambuf_iterator<char>(stat)), {});
        const auto end = text.rfind(')');
        if (end == std::string::npos) continue;
        std::istringstream fields(text.substr(end + 2));
        std::string skipped;
        for (int i = 0; i < 11; ++i) fields >> skipped;
        const int count = process == pid_ ? 4 : 2;  // the parent's counts those that ended, too
        for (int i = 0; i < count; ++i) {
            double value = 0;
            fields >> value;
            ticks += value;
        }
    }
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace tamis::test
