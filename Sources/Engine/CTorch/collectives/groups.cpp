// c10d: stores, Gloo process groups, collectives in flight.
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "bridge.h"
#include "cc10d.h"

#include <c10/util/Logging.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace ct;

struct ct_store_opaque {
  c10::intrusive_ptr<c10d::Store> store;
};
struct ct_group_opaque {
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
};
struct ct_work_opaque {
  c10::intrusive_ptr<c10d::Work> work;
  /// Nanoseconds of the monotonic clock, 0 until it is done; shared with the callback.
  std::shared_ptr<std::atomic<uint64_t>> done_at;
};

/// A socket that only this machine reaches. The store by itself listens on every address, and answers
/// whoever asks.
static int loopback_listener(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  TORCH_CHECK(fd >= 0, "no socket: ", strerror(errno));
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    const int reason = errno;
    close(fd);
    TORCH_CHECK(false, "cannot listen on port ", port, ": ", strerror(reason));
  }
  return fd;
}

/// libtorch's own words on attempts to connect come with C++ frames; what fails in the end is an error here.
static void hush_logging() {
  static std::once_flag once;
  std::call_once(once, [] {
    setenv("TORCH_CPP_LOG_LEVEL", "FATAL", /*overwrite=*/0);
    c10::initLogging();
  });
}

template <class F>
static ct_work started(F &&body) {
  return value_or<ct_work>(nullptr, [&] { return new ct_work_opaque{body(), nullptr}; });
}

extern "C" {

ct_store ct_store_tcp(
    const char *host, uint16_t port, bool server, bool loopback, int32_t world,
    int32_t timeout_s) {
  return value_or<ct_store>(nullptr, [&] {
    hush_logging();
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = server;
    if (server && loopback) options.masterListenFd = loopback_listener(port);
    options.numWorkers = static_cast<size_t>(world);
    options.timeout = std::chrono::seconds(timeout_s);
    auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
    return new ct_store_opaque{store};
  });
}
ct_store ct_store_in_process(void) {
  return value_or<ct_store>(nullptr, [] {
    return new ct_store_opaque{c10::make_intrusive<c10d::HashStore>()};
  });
}
void ct_store_free(ct_store s) { delete s; }

ct_group ct_group_gloo(
    ct_store s, int32_t rank, int32_t world, const char *name, const char *interface_name,
    int32_t timeout_s) {
  return value_or<ct_group>(nullptr, [&] {
    auto store = c10::make_intrusive<c10d::PrefixStore>(name, s->store);
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->timeout = std::chrono::seconds(timeout_s);
    options->devices.push_back(
        interface_name && *interface_name
            ? c10d::ProcessGroupGloo::createDeviceForInterface(interface_name)
            : c10d::ProcessGroupGloo::createDefaultDevice());
    return new ct_group_opaque{
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world, options)};
  });
}
void ct_group_free(ct_group g) { delete g; }

ct_work ct_all_reduce(ct_group g, ct_tensor t) {
  std::vector<at::Tensor> ts{retained(t)};
  return started([&] { return g->group->allreduce(ts); });
}
ct_work ct_all_gather(ct_group g, ct_tensor into, ct_tensor from) {
  at::Tensor out = retained(into), in = retained(from);
  return started([&] { return g->group->_allgather_base(out, in); });
}
ct_work ct_reduce_scatter(ct_group g, ct_tensor into, ct_tensor from) {
  at::Tensor out = retained(into), in = retained(from);
  return started([&] { return g->group->_reduce_scatter_base(out, in); });
}
ct_work ct_broadcast(ct_group g, ct_tensor t, int32_t root) {
  std::vector<at::Tensor> ts{retained(t)};
  c10d::BroadcastOptions options;
  options.rootRank = root;
  return started([&] { return g->group->broadcast(ts, options); });
}
ct_work ct_barrier(ct_group g) {
  return started([&] { return g->group->barrier(); });
}
bool ct_work_wait(ct_work w) {
  return succeeded([&] { w->work->wait(); });
}
void ct_work_note_end(ct_work w) {
  succeeded([&] {
    auto done_at = std::make_shared<std::atomic<uint64_t>>(0);
    // On the thread that finishes the work, or here when it is finished already.
    w->work->getFuture()->addCallback([done_at](c10::ivalue::Future &) {
      auto now = std::chrono::steady_clock::now().time_since_epoch();
      done_at->store(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    });
    w->done_at = done_at;
  });
}
uint64_t ct_work_end(ct_work w) { return w->done_at ? w->done_at->load() : 0; }
void ct_work_free(ct_work w) { delete w; }

}  // extern "C"
