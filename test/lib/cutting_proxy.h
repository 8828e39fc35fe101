// cutting_proxy - a TCP relay on loopback that can lose a server's answer: for tests of what a client does not know
//
// Relays every connection to 127.0.0.1:port. After cut_at(bytes), the next piece of the server's that contains these
// bytes is not passed on, and both sides of that connection are closed; after cut_behind(n) it is the piece behind n more,
// whoever sends it. One thread; ends with the object.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace tamis::test {

class CuttingProxy {
public:
    explicit CuttingProxy(int to_port);
    ~CuttingProxy();
    CuttingProxy(const CuttingProxy&) = delete;
    CuttingProxy& operator=(const CuttingProxy&) = delete;
    int port() const { return port_; }
    void cut_at(std::string bytes);  // once
    void cut_behind(int pieces);     // once
    void spare() { left_ = -1; }     // what cut_behind() asked for and did not come is forgotten
    int cuts() const { return cuts_; }

private:
    void run();
    int to_port_, port_ = 0, listener_ = -1;
    int stop_read_ = -1, stop_write_ = -1;
    std::atomic<bool> armed_{false};
    std::atomic<int> cuts_{0};
    std::atomic<int> left_{-1};  // pieces that still pass; below 0: all
    std::string bytes_;
    std::thread thread_;
};

}  // namespace tamis::test
