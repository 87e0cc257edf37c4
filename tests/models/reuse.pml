/* An entry is taken from one key and given to another under requests.
 *
 * The slot is the hazard pointer: look up, slot HELD with (entry, generation),
 * announce, READ THE TAG AGAIN, only then it may be granted. The accountant:
 * tag RETIRED, scan the slots until none names the entry, origin = sum(used),
 * the next generation's tag. `used` is never zeroed: live workers own it.
 *
 * Proved (sequentially consistent, two workers of TRIES requests, REUSES
 * changes, KILLS deaths of workers and AKILLS of the accountant, anywhere):
 *   T  every charge lands while its own tenant has the entry
 *   O  sum(used) - origin = what this tenant used
 *   L  nothing stays reserved; who comes late leaves a passing reservation only
 *   -DEPOCH: the other way, without the second look (not used): each column
 *   publishes an epoch; wait for all epochs, then scan. One word more, and it
 *   waits for the slowest worker.
 * Seeded mistakes, each found:
 *   -DNO_RECHECK          neither second look nor epochs                 T
 *   -DEPOCH -DSCAN_FIRST  slots scanned before the epochs are awaited    T
 *   -DORIGIN_EARLY        origin taken before the slots are drained      O
 *   -DSKIP_DYING          the scan skips columns of dead workers         T
 */
#define W 2
#ifndef TRIES
#define TRIES 2
#endif
#ifndef REUSES
#define REUSES 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef AKILLS
#define AKILLS 1
#endif
#define RETIRED 128
#define FREE 0
#define HELD 1
#define SENT 2
#define SETTLING 3

byte tag;                          /* the entry: generation, or generation | RETIRED */
byte origin;                       /* sum(used) when this tenant came */
byte res[W], used[W];
byte st[W], sgen[W], tgt[W];       /* slots: state, generation of the entry they name (one entry only here) */
bool dead[W];
byte epoch, seen[W];
byte mine[REUSES + 1];             /* ghost: tokens charged by requests of each generation */
byte done, kills, akills;

#define S(x) if :: atomic { kills < KILLS -> kills++; dead[i] = true; goto gone } :: atomic { skip; x } fi
#define P(x) if :: atomic { akills < AKILLS -> akills++; goto boot } :: atomic { skip; x } fi

proctype worker(byte i) {
  byte n, gen;
again:
  do
  :: n == TRIES -> break
  :: n < TRIES ->
     n++;
#ifdef EPOCH
     gen = epoch; S(seen[i] = gen);            /* loop top: I hold no entry but those in my slots */
#endif
     gen = tag;                                /* look-up through the index */
     if
     :: gen >= RETIRED                         /* unknown key */
     :: else ->
        S(sgen[i] = gen; st[i] = HELD);
        S(res[i]++);
        if
#if !defined(EPOCH) && !defined(NO_RECHECK)
        :: tag != gen -> S(res[i]--); S(st[i] = FREE)         /* second look: it went away */
        :: else ->
#else
        :: true ->
#endif
           S(st[i] = SENT);
           S(tgt[i] = used[i] + 1; st[i] = SETTLING);
           S(used[i] = tgt[i]; mine[gen]++; assert((tag & 127) == gen));      /* T */
           S(res[i]--); S(st[i] = FREE)
        fi
     fi;
     gen = 0
  od;
#ifdef EPOCH
  S(seen[i] = 255);
#endif
  atomic { done++; goto end };
gone:
  atomic { n = 0; gen = 0; !dead[i] -> goto again };
end: skip
}

active proctype accountant() {
  byte i, j, sum, g;
  atomic { run worker(0); run worker(1) }
boot:
  atomic { i = 0; j = 0; sum = 0; g = 0 };
  do
  :: atomic { dead[0] -> i = 0 }; goto reap
  :: atomic { dead[1] -> i = 1 }; goto reap
  :: tag < REUSES -> P(tag = tag | RETIRED)
  :: tag >= RETIRED -> goto drain
  :: done == W && tag == REUSES -> break
  od;
  goto end;
drain:                                          /* any step may be repeated from the start */
#ifdef ORIGIN_EARLY
  P(origin = used[0] + used[1]);
#endif
#if defined(EPOCH) && !defined(SCAN_FIRST)
  P(epoch = (tag & 127) + 1); g = epoch;
  do :: j == W -> break
     :: j < W -> if :: seen[j] >= g || dead[j] -> j++ :: else -> goto boot fi od; j = 0;
#endif
  do
  :: j == W -> break
#ifdef SKIP_DYING
  :: j < W -> if :: st[j] == FREE || dead[j] -> j++ :: else -> goto boot fi
#else
  :: j < W -> if :: st[j] == FREE -> j++ :: else -> goto boot fi   /* not yet: do other work, come back */
#endif
  od; j = 0;
#if defined(EPOCH) && defined(SCAN_FIRST)
  P(epoch = (tag & 127) + 1); g = epoch;
  do :: j == W -> break
     :: j < W -> if :: seen[j] >= g || dead[j] -> j++ :: else -> goto boot fi od; j = 0;
#endif
#ifndef ORIGIN_EARLY
  sum = used[0]; sum = sum + used[1]; P(origin = sum);
#endif
  P(tag = (tag & 127) + 1);                     /* the new tenant: last, so that a cut before it repeats all */
  goto boot;
reap:
  if :: st[i] == SENT -> P(tgt[i] = used[i] + 1; st[i] = SETTLING) :: else fi;
  if :: st[i] == SETTLING && used[i] < tgt[i] ->
        P(used[i] = tgt[i]; mine[sgen[i]]++; assert((tag & 127) == sgen[i])) :: else fi;
  P(res[i] = 0); P(st[i] = FREE);
  P(dead[i] = false);
  goto boot;
end:
  assert(res[0] + res[1] == 0);                                              /* L */
  assert(used[0] + used[1] - origin == mine[REUSES])                         /* O */
}
