/* One request in two entries (its key, their group) with a lease that grows and
 * an in-flight count; deaths of workers and of the reaper anywhere.
 *
 * Proved (sequentially consistent, two workers, TRIES requests a life, at most
 * KILLS deaths of workers and RKILLS of the reaper):
 *   G  in key and group: charged + granted <= limit, always
 *   C  -DCONC: never two requests of key 0 in flight (its limit is one)
 *   L  at the end nothing is reserved or counted, in any entry
 *   S  keys together = group; what was acknowledged is charged
 * A dead request is charged its grant; -DPROGRESS: what it had streamed.
 * Seeded mistakes, each found:
 *   -DGROW_SLOT_FIRST   slot.amount raised before the growth is admitted     G
 *   -DREAP_FREE_FIRST   slot freed, then its cells zeroed                    L
 *   -DREAP_RES_FIRST    reserved zeroed, then used raised                    G
 *   -DONE_TARGET        one target in the slot, the group gets "+ n"         S
 *   -DONE_ENTRY         the slot names the key only                          L
 *   -DCONC -DLATE_COUNT counted after the look                               C
 */
#define W 2
#ifndef TRIES
#define TRIES 1
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef RKILLS
#define RKILLS 1
#endif
#ifdef LATE_COUNT
#define MAXBUSY 0                   /* look, then count */
#else
#define MAXBUSY 1                   /* count, then look: mine is in the sum */
#endif
#define GRP 2                       /* entries: keys 0 and 1, their group 2 */
#define LKEY 2
#define LGRP 3
#define FREE 0
#define HELD 1
#define SENT 2
#define SETTLING 3
#define R(e, i) res[(e) * W + (i)]
#define U(e, i) used[(e) * W + (i)]
#define B(e, i) busy[(e) * W + (i)]

byte res[3 * W], used[3 * W], busy[2 * W];
byte st[W], key[W], amt[W], prog[W], tk[W], tg[W];           /* the slot */
bool dead[W];
byte gk[W], gg[W];           /* ghosts: granted, not yet charged (key, group) */
byte flying[2], acked, done, kills, rkills;

/* A store of worker i: it may die before it (loads need no such place). The
 * skip keeps an `else` at the head of x from waiting for the kills to end. */
#define S(x) if :: atomic { kills < KILLS -> kills++; dead[i] = true; \
                     if :: live -> flying[k]-- :: else fi; goto gone } \
                :: atomic { skip; x } fi

inline sum(e) { t = 0; j = 0;
  do :: j == W -> break :: j < W -> t = t + R(e, j); atomic { t = t + U(e, j); j++ } od; j = 0 }
inline limits(k) {                                                      /* G */
  assert(U(k, 0) + U(k, 1) + (key[0] == k -> gk[0] : 0) + (key[1] == k -> gk[1] : 0) <= LKEY);
  assert(U(GRP, 0) + U(GRP, 1) + gg[0] + gg[1] <= LGRP)
}

proctype worker(byte i) {
  byte n, k, t, j; bool over, live;
again:
  do
  :: n == TRIES -> break
  :: n < TRIES ->
     atomic { n++; if :: k = 0 :: i == 1 -> k = 1 fi };
     S(key[i] = k; amt[i] = 1; prog[i] = 0; st[i] = HELD);             /* H1 */
     S(R(k, i)++); S(R(GRP, i)++);                                     /* H2 */
#if defined(CONC) && !defined(LATE_COUNT)
     S(B(k, i)++);
#endif
     sum(k); atomic { over = (t > LKEY); t = 0 };                      /* H6 */
     if :: !over -> sum(GRP); atomic { over = (t > LGRP); t = 0 } :: else fi;
#ifdef CONC
     if :: !over && k == 0 -> t = B(0, 0); atomic { t = t + B(0, 1); over = (t > MAXBUSY); t = 0 } :: else fi;
#endif
#ifdef LATE_COUNT
     if :: !over -> S(B(k, i)++) :: else fi;
#endif
     if
     :: over -> over = false; S(R(k, i)--); S(R(GRP, i)--);            /* H7 */
#if defined(CONC) && !defined(LATE_COUNT)
        S(B(k, i)--);
#endif
        S(st[i] = FREE)
     :: else ->
        S(st[i] = SENT; gk[i]++; gg[i]++; live = true; flying[k]++; limits(k));
#ifdef CONC
        assert(flying[0] <= 1);                                         /* C */
#endif
#ifdef PROGRESS
        if :: skip :: S(prog[i] = amt[i]) fi;
#endif
        if                                   /* the stream wants more */
        :: skip
        :: true ->
#ifdef GROW_SLOT_FIRST
           S(amt[i]++);
#endif
           S(R(k, i)++); S(R(GRP, i)++);                               /* G1 */
           sum(k); atomic { over = (t > LKEY); t = 0 };
           if :: !over -> sum(GRP); atomic { over = (t > LGRP); t = 0 } :: else fi;
           if
           :: over -> over = false; S(R(k, i)--); S(R(GRP, i)--);
#ifdef GROW_SLOT_FIRST
              S(amt[i]--)
#endif
           :: else ->
#ifdef GROW_SLOT_FIRST
              S(gk[i]++; gg[i]++; limits(k))
#else
              S(amt[i]++; gk[i]++; gg[i]++; limits(k));                /* G2 */
#endif
#ifdef PROGRESS
              if :: skip :: S(prog[i] = amt[i]) fi
#endif
           fi
        fi;
        S(t = amt[i]; if :: t = t - 1 :: skip fi;     /* actual: all, or less */
          tk[i] = U(k, i) + t; tg[i] = U(GRP, i) + t; st[i] = SETTLING;
          live = false; flying[k]--);                                  /* S3 */
        S(U(k, i) = tk[i]; gk[i] = 0); S(U(GRP, i) = tg[i]; gg[i] = 0); /* S4 */
        S(R(k, i) = R(k, i) - amt[i]); S(R(GRP, i) = R(GRP, i) - amt[i]); /* S6 */
#ifdef CONC
        S(B(k, i)--);
#endif
        S(st[i] = FREE; acked = acked + t; t = 0)                      /* S7 */
     fi;
     k = 0
  od;
  atomic { done++; goto fin };
gone:
  atomic { n = 0; k = 0; t = 0; j = 0; over = false; live = false; !dead[i] -> goto again };
fin: skip
}

/* A store of the reaper: it may die before it, and starts from the slots. */
#define P(x) if :: atomic { rkills < RKILLS -> rkills++; goto boot } \
                :: atomic { skip; x } fi
inline lift(e, v) { if :: U(e, i) < v -> U(e, i) = v :: else fi }
#ifdef PROGRESS
#define CHARGE prog[i]
#else
#define CHARGE amt[i]
#endif

active proctype reaper() {
  byte i, k;
  atomic { run worker(0); run worker(1) }
boot:
  atomic { i = 0; k = 0 }
  do
  :: atomic { dead[0] -> i = 0; k = key[0] }; goto reap
  :: atomic { dead[1] -> i = 1; k = key[1] }; goto reap
  :: done == W -> break
  od;
  goto fin;
reap:
#ifdef REAP_RES_FIRST
  if :: st[i] != FREE -> P(R(k, i) = 0); P(R(GRP, i) = 0) :: else fi;
#endif
  if
  :: st[i] == SENT -> P(tk[i] = U(k, i) + CHARGE; tg[i] = U(GRP, i) + CHARGE; st[i] = SETTLING)
  :: else
  fi;
  if
  :: st[i] == SETTLING ->
     P(lift(k, tk[i]); gk[i] = 0; limits(k));
#ifdef ONE_TARGET
     P(U(GRP, i) = U(GRP, i) + CHARGE; gg[i] = 0);
#else
     P(lift(GRP, tg[i]); gg[i] = 0; limits(k));
#endif
  :: else
  fi;
  if
  :: st[i] != FREE ->
#ifdef REAP_FREE_FIRST
     P(st[i] = FREE);
#endif
     P(R(k, i) = 0);
#ifndef ONE_ENTRY
     P(R(GRP, i) = 0);
#endif
#ifdef CONC
     P(B(k, i) = 0);
#endif
     P(st[i] = FREE)
  :: else
  fi;
  P(dead[i] = false);
  goto boot;
fin:
  assert(R(0,0) + R(0,1) + R(1,0) + R(1,1) + R(2,0) + R(2,1) == 0);     /* L */
#ifdef CONC
  assert(B(0,0) + B(0,1) + B(1,0) + B(1,1) == 0);
#endif
  assert(U(0,0) + U(0,1) + U(1,0) + U(1,1) == U(2,0) + U(2,1));         /* S */
  assert(U(2,0) + U(2,1) >= acked)
}
