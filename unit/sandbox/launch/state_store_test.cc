#include "sandbox/launch/state_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast {
namespace {

class StateStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/holdfast-state-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    parent_ = name;
    root_ = parent_ + "/a/b";
  }
  void TearDown() override {
    auto tmp = DirFd::open("/tmp");
    ASSERT_TRUE(tmp);
    EXPECT_TRUE(tmp->remove_tree(parent_.substr(5)));
  }
  StateStore store() {
    auto opened = StateStore::open(root_);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  ContainerState state_of(pid_t pid) {
    ContainerState state;
    state.id = "c1";
    state.complete = true;
    if (auto who = identify(pid)) state.init = *who;
    return state;
  }

  std::string parent_, root_;
};

// A process that does nothing until it is killed.
class Sleeper {
 public:
  Sleeper() : pid_(fork()) {
    if (pid_ != 0) return;
    while (true) pause();
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() { end(); }
  pid_t pid() const { return pid_; }
  void kill() const { ::kill(pid_, SIGKILL); }
  void end() {
    if (pid_ == 0) return;
    kill();
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

// Runs `body` in a child and returns its exit status.
template <class Body>
pid_t in_child(Body body) {
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(30);  // a hang is a failure, not a hang of the whole run
    _exit(body());
  }
  return pid;
}
int status_of(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(StateStoreTest, MakesItsRootPrivate) {
  store();
  struct stat info {};
  ASSERT_EQ(stat(root_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(StateStoreTest, RefusesARootThatOthersCanWriteTo) {
  store();
  ASSERT_EQ(chmod(root_.c_str(), 0770), 0);
  const auto opened = StateStore::open(root_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("others can write to it"), std::string::npos);
}

TEST_F(StateStoreTest, TakesOnlyNamesThatAreNoPaths) {
  const auto s = store();
  for (const char* bad : {"", ".", "..", "../x", "a/b", "a b", ".cache", "\xc3\xa4", "a\n"}) {
    const auto dir = s.create(bad);
    ASSERT_FALSE(dir) << bad;
    EXPECT_EQ(dir.error().message, "invalid container ID format") << bad;
    EXPECT_EQ(s.find(bad).error().message, "invalid container ID format") << bad;
  }
  EXPECT_FALSE(s.create(std::string(256, 'a')));
  EXPECT_TRUE(s.create(std::string(255, 'a')));
  EXPECT_TRUE(s.create("A_b+c.d-9"));
}

TEST_F(StateStoreTest, AnIdIsTakenOnce) {
  const auto s = store();
  ASSERT_TRUE(s.create("c1"));
  const auto again = s.create("c1");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, "container with given ID already exists");
}

TEST_F(StateStoreTest, OfManyCreatorsAtOnceExactlyOneWins) {
  const auto s = store();
  for (int round = 0; round < 20; ++round) {
    const std::string id = fmt::format("c{}", round);
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i)
      children.push_back(in_child([&] { return store().create(id) ? 0 : 1; }));
    int winners = 0;
    for (const pid_t child : children) winners += status_of(child) == 0;
    EXPECT_EQ(winners, 1);
  }
}

TEST_F(StateStoreTest, WhatIsNotThereDoesNotExist) {
  const auto dir = store().find("nope");
  ASSERT_FALSE(dir);
  EXPECT_EQ(dir.error().code, ENOENT);
  EXPECT_NE(dir.error().message.find("container does not exist"), std::string::npos);
  // A directory without its journal is not a container to anybody but delete.
  const auto s = store();
  ASSERT_TRUE(s.create("half"));
  const auto state = s.find("half")->load();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ENOENT);
  EXPECT_NE(state.error().message.find("does not exist"), std::string::npos);
}

TEST_F(StateStoreTest, StateComesBackAsItWasSaved) {
  const auto s = store();
  const auto dir = s.create("c1");
  ASSERT_TRUE(dir);
  ContainerState state = state_of(getpid());
  state.oci_version = "1.3.0";
  state.bundle = "/b\xc3\xa4 \"x\"";
  state.annotations = {{"k", "v"}, {"", "empty"}};
  state.hooks.poststop = {{.path = "/h", .args = {"h", ""}, .env = {"A=b"}, .timeout = 3}};
  state.cgroups.driver = CgroupDriver::kSystemd;
  state.cgroups.mode = HostFacts::Cgroup::kHybrid;
  state.cgroups.unit = "u.scope";
  state.cgroups.directories = {{"memory", "/m"}, {"", "/v2"}};
  state.creator = state.init;
  ASSERT_TRUE(dir->save(state));
  const auto loaded = s.find("c1")->load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(encode_container_state(*loaded), encode_container_state(state));
  EXPECT_EQ(loaded->init.start_time, state.init.start_time);
  EXPECT_EQ(loaded->cgroups.directories[1].directory, "/v2");
  EXPECT_EQ(loaded->hooks.poststop[0].timeout, 3);
}

TEST_F(StateStoreTest, DamagedStateIsAnErrorAndNotAMissingContainer) {
  const auto s = store();
  const auto dir = s.create("c1");
  for (const char* text : {"", "{", "[]", "{}",
                           R"({"version":2,"id":"c1","cgroups":{"driver":"cgroupfs","mode":"v1"}})",
                           R"({"version":1,"id":"c1","cgroups":{"driver":"x","mode":"v1"}})",
                           R"({"version":1,"id":7,"cgroups":{"driver":"cgroupfs","mode":"v1"}})"}) {
    ASSERT_TRUE(dir->dir().replace("state.json", text));
    const auto state = dir->load();
    ASSERT_FALSE(state) << text;
    EXPECT_NE(state.error().code, ENOENT) << text;
    EXPECT_NE(state.error().message.find("state of c1"), std::string::npos) << text;
  }
  ASSERT_TRUE(dir->dir().replace(
      "state.json", R"({"version":1,"id":"c1","cgroups":{"driver":"cgroupfs","mode":"v1"},)"
                    R"("fromTheFuture":[1]})"));
  EXPECT_TRUE(dir->load());
}

TEST_F(StateStoreTest, CreatingLastsAsLongAsItsCreator) {
  const auto s = store();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t creator = in_child([&] {
    const auto dir = store().create("c1");
    ContainerState state;
    state.id = "c1";
    if (!dir || !dir->save(state) || write(ready[1], "x", 1) != 1) return 1;
    while (true) pause();
  });
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const auto dir = s.find("c1");
  ASSERT_TRUE(dir);
  const auto state = dir->load();
  ASSERT_TRUE(state);
  EXPECT_EQ(*dir->status(*state), Status::kCreating);
  EXPECT_EQ(*dir->status(*state), Status::kCreating);
  kill(creator, SIGKILL);
  status_of(creator);
  EXPECT_EQ(*dir->status(*state), Status::kStopped);
  close(ready[0]);
  close(ready[1]);
}

TEST_F(StateStoreTest, StatusIsReadFromTheProcessAndItsLock) {
  const auto dir = store().create("c1");
  Sleeper sleeper;
  const ContainerState state = state_of(sleeper.pid());
  EXPECT_EQ(*dir->status(state), Status::kRunning);
  {
    const auto fifo = dir->make_start_fifo();
    ASSERT_TRUE(fifo) << fifo.error().message;
    EXPECT_EQ(*dir->status(state), Status::kCreated);
    EXPECT_EQ(*dir->status(state), Status::kCreated);
  }
  EXPECT_EQ(*dir->status(state), Status::kRunning);
  // A zombie has ended, whether its parent has noticed or not.
  sleeper.kill();
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(sleeper.pid()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(*dir->status(state), Status::kStopped);
  sleeper.end();
  EXPECT_EQ(*dir->status(state), Status::kStopped);
}

TEST_F(StateStoreTest, AProcessIsNoneButItself) {
  Sleeper sleeper;
  const auto who = identify(sleeper.pid());
  ASSERT_TRUE(who);
  EXPECT_TRUE(alive(*who));
  EXPECT_TRUE(open_process(*who));
  ProcessIdentity other = *who;
  other.start_time += 1;
  EXPECT_FALSE(alive(other));
  EXPECT_EQ(open_process(other).error().code, ESRCH);
  EXPECT_EQ(open_process(other).error().message, "process already finished");
  other = *who;
  other.boot_id = "another boot";
  EXPECT_FALSE(alive(other));
  EXPECT_EQ(open_process({}).error().code, ESRCH);
}

// Plays init: waits for the byte, then does what init would.
enum class Fate { kExecutes, kFails, kDies };
pid_t play_init(const StateDir& created, Fate fate) {
  auto made = created.make_start_fifo();
  EXPECT_TRUE(made);
  Fd fifo = std::move(*made);
  // A forked child shares the creator's lock, which the real init loses as it is executed.
  flock(created.dir().get(), LOCK_UN);
  return in_child([&] {
    alarm(30);
    char byte;
    if (fate != Fate::kDies && read(fifo.get(), &byte, 1) != 1) return 1;
    if (fate == Fate::kFails && write(fifo.get(), "exec: no such file", 18) != 18) return 1;
    if (fate == Fate::kExecutes) {
      fifo = Fd();  // as close-on-exec does
      while (true) pause();
    }
    return 0;
  });
}

TEST_F(StateStoreTest, StartWaitsForTheProgramAndIsGoodOnce) {
  const auto s = store();
  {
    const auto created = s.create("c1");
    const pid_t init = play_init(*created, Fate::kExecutes);
    ASSERT_TRUE(created->save(state_of(init)));
  }
  const auto dir = s.find("c1");
  const auto state = dir->load();
  ASSERT_TRUE(state);
  EXPECT_EQ(*dir->status(*state), Status::kCreated);
  const auto started = dir->signal_start(*state);
  EXPECT_TRUE(started) << started.error().message;
  EXPECT_EQ(*dir->status(*state), Status::kRunning);
  EXPECT_EQ(dir->signal_start(*state).error().message, "cannot start an already running container");
  kill(state->init.pid, SIGKILL);
  status_of(state->init.pid);
  EXPECT_EQ(dir->signal_start(*state).error().message, "cannot start a container that has stopped");
}

TEST_F(StateStoreTest, StartTellsWhyTheProgramCouldNotRun) {
  const auto s = store();
  pid_t init = 0;
  {
    const auto created = s.create("c1");
    init = play_init(*created, Fate::kFails);
    ASSERT_TRUE(created->save(state_of(init)));
  }
  const auto dir = s.find("c1");
  EXPECT_EQ(dir->signal_start(*dir->load()).error().message, "exec: no such file");
  status_of(init);
}

TEST_F(StateStoreTest, OfManyStartersExactlyOneStarts) {
  for (int round = 0; round < 10; ++round) {
    const auto s = store();
    const std::string id = fmt::format("c{}", round);
    pid_t init = 0;
    {
      const auto created = s.create(id);
      init = play_init(*created, Fate::kExecutes);
      ASSERT_TRUE(created->save(state_of(init)));
    }
    std::vector<pid_t> starters;
    for (int i = 0; i < 6; ++i)
      starters.push_back(in_child([&] {
        const auto dir = store().find(id);
        return dir->signal_start(*dir->load()) ? 0 : 1;
      }));
    int winners = 0;
    for (const pid_t starter : starters) winners += status_of(starter) == 0;
    EXPECT_EQ(winners, 1);
    kill(init, SIGKILL);
    status_of(init);
  }
}

TEST_F(StateStoreTest, RemovalLeavesNothingAndFreesTheId) {
  const auto s = store();
  const auto dir = s.create("c1");
  ASSERT_TRUE(dir->save(state_of(getpid())));
  ASSERT_TRUE(dir->make_start_fifo());
  const auto lock = dir->lock_deletion();
  ASSERT_TRUE(lock);
  EXPECT_TRUE(dir->linked());
  const auto removed = dir->remove();
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(dir->linked());
  EXPECT_EQ(DirFd::open(root_)->list()->size(), 0u);
  EXPECT_TRUE(s.create("c1"));
}

TEST_F(StateStoreTest, ADeleterKnowsThatAnotherWasFirst) {
  const auto s = store();
  const auto first = s.create("c1");
  const auto second = s.find("c1");
  auto lock = first->lock_deletion();
  ASSERT_TRUE(lock);
  const auto busy = second->lock_deletion();
  ASSERT_FALSE(busy);
  EXPECT_NE(busy.error().message.find("being deleted by another process"), std::string::npos);
  ASSERT_TRUE(first->remove());
  const auto late = second->lock_deletion();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ENOENT);
}

TEST_F(StateStoreTest, ARemovedContainerTakesNoMoreState) {
  const auto s = store();
  const auto creator = s.create("c1");
  const auto deleter = s.find("c1");
  ASSERT_TRUE(deleter->remove());
  EXPECT_FALSE(creator->save(state_of(getpid())));
  EXPECT_TRUE(s.ids()->empty());
  // Nor does a late removal touch the container that has the id now.
  ASSERT_TRUE(s.create("c1"));
  EXPECT_TRUE(creator->remove());
  EXPECT_EQ(s.ids()->size(), 1u);
}

TEST_F(StateStoreTest, RemovalFailsWhileTheCreatorStillWrites) {
  const auto s = store();
  const auto creator = s.create("c1");
  const auto deleter = s.find("c1");
  // The state that a removal is in when the creator's write slips in: renamed, cleared, not gone.
  struct stat info {};
  ASSERT_EQ(fstat(creator->dir().get(), &info), 0);
  const std::string tombstone = fmt::format("{}/.gone-{}", root_, info.st_ino);
  ASSERT_EQ(rename((root_ + "/c1").c_str(), tombstone.c_str()), 0);
  ASSERT_TRUE(creator->save(state_of(getpid())));
  EXPECT_TRUE(deleter->load());
  EXPECT_TRUE(deleter->remove());
  EXPECT_FALSE(deleter->linked());
}

TEST_F(StateStoreTest, IdsAreTheContainersAlone) {
  const auto s = store();
  ASSERT_TRUE(s.create("b"));
  ASSERT_TRUE(s.create("a"));
  const auto root = DirFd::open(root_);
  ASSERT_TRUE(root->mkdir(".cache", 0700));
  ASSERT_TRUE(root->mkdir(".gone-17", 0700));
  ASSERT_TRUE(root->create("file", "x"));
  EXPECT_EQ(*s.ids(), (std::vector<std::string>{"a", "b"}));
  s.sweep();
  EXPECT_FALSE(root->exists(".gone-17"));
  EXPECT_TRUE(root->exists(".cache"));
}

}  // namespace
}  // namespace holdfast
