/*
 * orders.cpp - the memory orders of the protocol under C11's rules, with
 * Relacy (Debian: relacy-dev). Kills are not in it: that a kill leaves a prefix
 * of the program's order follows from release on every store.
 *
 *   g++ -std=c++11 -w -fpermissive -O1 orders.cpp -o orders && ./orders
 *   ... -DMISTAKE=n seeds one wrong order; it must be found (6 excepted).
 *
 * hold   two workers, two entries, limit 1 in each. All announcements release,
 *        ONE seq_cst fence, then acquire loads: never two granted.
 *          1 no fence   2 loads relaxed   3 stores relaxed
 * roll   two workers admit, a third settles 2 of the 1 it reserved, the
 *        accountant rolls: baseline = sum(used). Fence, baseline (acquire),
 *        then reserved, then used: never two granted, sum >= baseline.
 *          4 baseline after the sums   5 baseline relaxed
 *          6 accountant loads used relaxed: holds, a word never goes back
 * reuse  worker: slot HELD, fence, tag again. Accountant: tag RETIRED, fence,
 *        slots. Never both go on.
 *          7 worker without fence   8 accountant without fence
 * ring   record, used, head (release); accountant: head (acquire), record,
 *        baseline = total after it (release); worker: baseline (acquire), used:
 *        no baseline above the used that is seen, no torn record.
 *          9 head relaxed   10 head before used   11 baseline relaxed
 * seat   a new worker's column: column_high (release) before it runs; it
 *        announces, fence. Another: announces, fence, column_high, sums. One of
 *        the two sees the other.
 *          12 column_high loaded before the fence
 * policy the sequence lock without fences: every store release, every load
 *        acquire: never a mix of two policies.
 *          13 payload loaded relaxed   14 payload stored relaxed
 * latch  a policy in two copies and a version, without fences; then the entry
 *        goes to another tenant: tag, copy, version, tag. Never a mix; who has
 *        the new tag reads the new copy, who has the old one never does.
 *          15 copy loaded relaxed   16 copy stored relaxed
 *          17 tag before the version   18 the copy that is read is written
 * SPDX-License-Identifier: Apache-2.0
 */
#include <relacy/relacy.hpp>
#ifndef MISTAKE
#define MISTAKE 0
#endif
#define IS(n) (MISTAKE == (n))
#define FENCE(bad) do { if (!IS(bad)) rl::atomic_thread_fence(rl::mo_seq_cst, $); } while (0)
static const rl::memory_order RLX = rl::mo_relaxed, ACQ = rl::mo_acquire, REL = rl::mo_release;

struct hold : rl::test_suite<hold, 2> {
  static const int bound = 3;
  rl::atomic<int> res[2][2], used[2][2]; int granted;        // [entry][worker]
  void before() { for (int e = 0; e < 2; e++) for (int w = 0; w < 2; w++) { res[e][w]($).store(0, RLX); used[e][w]($).store(0, RLX); } granted = 0; }
  void thread(unsigned w) {
    rl::memory_order ld = IS(2) ? RLX : ACQ, st = IS(3) ? RLX : REL;
    for (int n = 0; n < 2; n++) {
      for (int e = 0; e < 2; e++) res[e][w]($).store(1, st);
      FENCE(1);
      bool over = false;
      for (int e = 0; e < 2; e++) {
        int sum = 0;
        for (int j = 0; j < 2; j++) { int r = res[e][j]($).load(ld), u = used[e][j]($).load(ld); sum += r + u; }
        over = over || sum > 1;
      }
      if (!over) {
        granted++; RL_ASSERT(granted <= 1);
        for (int e = 0; e < 2; e++) used[e][w]($).store(used[e][w]($).load(RLX) + 1, st);
      }
      for (int e = 0; e < 2; e++) res[e][w]($).store(0, st);
    }
  }
};

struct roll : rl::test_suite<roll, 4> {
  static const int bound = 2;
  rl::atomic<int> res[3], used[3], base; int granted;
  void before() { for (int j = 0; j < 3; j++) { res[j]($).store(j == 2, RLX); used[j]($).store(0, RLX); } base($).store(0, RLX); granted = 0; }
  void thread(unsigned w) {
    if (w == 3) {                                            // accountant
      int b = 0;
      for (int j = 0; j < 3; j++) b += used[j]($).load(IS(6) ? RLX : ACQ);
      base($).store(b, REL);
    } else if (w == 2) {                                     // holds 1, settles 2
      used[2]($).store(2, REL); res[2]($).store(0, REL);
    } else {
      res[w]($).store(1, REL);
      rl::atomic_thread_fence(rl::mo_seq_cst, $);
      int b = 0, sum = 0;
      if (!IS(4)) b = base($).load(IS(5) ? RLX : ACQ);
      for (int j = 0; j < 3; j++) { int r = res[j]($).load(ACQ), u = used[j]($).load(ACQ); sum += r + u; }
      if (IS(4)) b = base($).load(ACQ);
      RL_ASSERT(sum >= b);
      if (sum <= b + 1) { granted++; RL_ASSERT(granted <= 1); }
      else res[w]($).store(0, REL);
    }
  }
};

struct reuse : rl::test_suite<reuse, 2> {
  static const int bound = 4;
  rl::atomic<int> slot, tag; rl::var<int> owner;
  void before() { slot($).store(0, RLX); tag($).store(1, RLX); owner($) = 1; }
  void thread(unsigned w) {
    if (w == 0) {
      int t = tag($).load(ACQ);
      if (t != 1) return;
      slot($).store(1, REL);
      FENCE(7);
      if (tag($).load(ACQ) == t) RL_ASSERT(owner($) == 1);   // also a data race if the accountant changes it now
      slot($).store(0, REL);
    } else {
      tag($).store(129, REL);
      FENCE(8);
      if (slot($).load(ACQ) == 0) { owner($) = 2; tag($).store(2, REL); }
    }
  }
};

struct ring : rl::test_suite<ring, 3> {
  static const int bound = 4;
  rl::atomic<int> used, head, base; rl::var<int> rec[2];
  void before() { used($).store(0, RLX); head($).store(0, RLX); base($).store(0, RLX); }
  void thread(unsigned w) {
    if (w == 0) {
      for (int n = 0; n < 2; n++) {
        rec[n]($) = n + 1;
        if (IS(10)) { head($).store(n + 1, REL); used($).store(n + 1, REL); }
        else { used($).store(n + 1, REL); head($).store(n + 1, IS(9) ? RLX : REL); }
      }
    } else if (w == 1) {
      int h = head($).load(ACQ);
      if (h) { int after = rec[h - 1]($); base($).store(after, IS(11) ? RLX : REL); }
    } else {
      int b = base($).load(ACQ), u = used($).load(ACQ);
      RL_ASSERT(u >= b);
    }
  }
};

struct seat : rl::test_suite<seat, 2> {
  static const int bound = 4;
  rl::atomic<int> res[2], high; int granted;
  void before() { res[0]($).store(0, RLX); res[1]($).store(0, RLX); high($).store(1, RLX); granted = 0; }
  void thread(unsigned w) {
    int h = 0;
    if (w == 1) high($).store(2, REL);                       // the master, before the worker of column 1 runs
    res[w]($).store(1, REL);
    if (IS(12)) h = high($).load(ACQ);
    rl::atomic_thread_fence(rl::mo_seq_cst, $);
    if (!IS(12)) h = high($).load(ACQ);
    int sum = 0;
    for (int j = 0; j < h; j++) sum += res[j]($).load(ACQ);
    if (sum <= 1) { granted++; RL_ASSERT(granted <= 1); }
  }
};

struct policy : rl::test_suite<policy, 2> {
  static const int bound = 5;
  rl::atomic<int> seq, word[2];
  void before() { seq($).store(0, RLX); word[0]($).store(0, RLX); word[1]($).store(0, RLX); }
  void thread(unsigned w) {
    if (w == 0) {
      for (int n = 1; n <= 2; n++) {
        seq($).store(2 * n - 1, REL);
        for (int i = 0; i < 2; i++) word[i]($).store(n, IS(14) ? RLX : REL);
        seq($).store(2 * n, REL);
      }
    } else {
      int s = seq($).load(ACQ);
      if (s % 2) return;
      int a = word[0]($).load(IS(13) ? RLX : ACQ), b = word[1]($).load(IS(13) ? RLX : ACQ);
      if (seq($).load(ACQ) == s) RL_ASSERT(a == b);
    }
  }
};

struct latch : rl::test_suite<latch, 2> {
  static const int bound = 5;
  rl::atomic<int> tag, version, word[2][2];                  // [copy][word]; tenant 1 has 1 and 2, tenant 2 has 3
  void before() { tag($).store(1, RLX); version($).store(0, RLX); for (int c = 0; c < 2; c++) for (int i = 0; i < 2; i++) word[c][i]($).store(1, RLX); }
  void thread(unsigned w) {
    if (w == 0) {
      for (int n = 1; n <= 2; n++) {
        int to = (IS(18) ? n - 1 : n) % 2;
        if (n == 2) tag($).store(-1, REL);
        for (int i = 0; i < 2; i++) word[to][i]($).store(n + 1, IS(16) ? RLX : REL);
        if (IS(17) && n == 2) tag($).store(2, REL);
        version($).store(n, REL);
      }
      tag($).store(2, REL);
    } else {
      int t = tag($).load(ACQ);
      if (t < 0) return;
      int v = version($).load(ACQ);
      int a = word[v % 2][0]($).load(IS(15) ? RLX : ACQ), b = word[v % 2][1]($).load(IS(15) ? RLX : ACQ);
      if (version($).load(ACQ) != v) return;
      if (tag($).load(ACQ) != t) return;
      RL_ASSERT(a == b); RL_ASSERT((a == 3) == (t == 2));
    }
  }
};

template<class T> static bool check(const char *name) {
  rl::test_params p, q; printf("-- %s\n", name);
  p.iteration_count = 200000; p.search_type = rl::random_scheduler_type;
  q.context_bound = T::bound; q.search_type = rl::fair_context_bound_scheduler_type;
  return rl::simulate<T>(p) && rl::simulate<T>(q);
}
int main() {
  bool ok = true;
  if (MISTAKE <= 3) ok = check<hold>("hold") && ok;
  if (MISTAKE == 0 || (MISTAKE >= 4 && MISTAKE <= 6)) ok = check<roll>("roll") && ok;
  if (MISTAKE == 0 || IS(7) || IS(8)) ok = check<reuse>("reuse") && ok;
  if (MISTAKE == 0 || (MISTAKE >= 9 && MISTAKE <= 11)) ok = check<ring>("ring") && ok;
  if (MISTAKE == 0 || IS(12)) ok = check<seat>("seat") && ok;
  if (MISTAKE == 0 || IS(13) || IS(14)) ok = check<policy>("policy") && ok;
  if (MISTAKE == 0 || (MISTAKE >= 15 && MISTAKE <= 18)) ok = check<latch>("latch") && ok;
  puts(ok ? "ORDERS HOLD" : "ORDERS FAIL");
  return !ok;
}
