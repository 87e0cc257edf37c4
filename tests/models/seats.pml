/* Seats: how a column is given to a worker, lost and given again, while workers,
 * reaper and master die.
 *
 * FREE -> TAKEN master, before the fork; TAKEN -> LIVE whoever wins `claim` for
 * the child; TAKEN or LIVE -> DYING master; DYING -> FREE reaper, last of its
 * stores. claim = (generation, owner): nobody, the child, or given up. A new
 * master cannot know whether the child of the last one was ever forked, is on
 * its way, or sleeps; the claim decides, and the generation in it keeps a
 * sleeper from another life of the column.
 *
 * Proved (sequentially consistent, two columns, CHILDREN forks, TRIES requests a
 * life; at most KILLS deaths of workers, RKILLS of the reaper, MKILLS of the
 * master, anywhere):
 *   O  never two workers in a column, never a worker in one that is reaped
 *   G  charged + granted <= LIMIT, always (the dead are charged in full)
 *   L  at the end nothing is reserved, no slot in use, no column is lost
 *   A  what was acknowledged is charged, and nothing that was not granted
 * Seeded mistakes, each found:
 *   -DNO_CLAIM       TAKEN -> LIVE without asking                        O
 *   -DNO_GENERATION  a claim without generation                          O
 *   -DINHERIT_DYING  the successor starts while the reaper works         O
 *   -DFREE_EARLY     column freed before its cells are zeroed            L
 *   -DWRONG_ORDER    the sum loads used before reserved                  G
 *   -DRES_LATE       settle lowers reserved before it raises used        G
 */
#define W 2
#ifndef CHILDREN
#define CHILDREN 4
#endif
#ifndef TRIES
#define TRIES 1
#endif
#ifndef LIMIT
#define LIMIT 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef RKILLS
#define RKILLS 1
#endif
#ifndef MKILLS
#define MKILLS 1
#endif
#define FREE 0
#define LIVE 1
#define DYING 2
#define TAKEN 3
#define HELD 1
#define SENT 2
#define SETTLING 3
#define NOBODY 0
#define CHILD 1
#define GIVEN_UP 2
#define GENS 6

byte res[W], used[W], st[W], tgt[W];                  /* cell and slot */
byte col[W], gen[W], cgen[W], owner[W], seat[W];      /* the seat */
bool alive[W * GENS];                                 /* child (column, gen) */
bool forked[W * GENS];
byte g[W], working[W];                                /* ghosts */
byte acked, granted, forks, kills, rkills, mkills;
bool quiet;

#define IS(i, n) [(i) * GENS + (n)]
#define S(x) if :: atomic { kills < KILLS -> kills++; goto gone } \
                :: atomic { skip; x } fi
inline limit() {                                                        /* G */
  assert(used[0] + used[1] + g[0] + g[1] <= LIMIT)
}

proctype child(byte i; byte me) {
  byte n, j, sum; bool seated;
#ifdef NO_CLAIM
  if :: col[i] == TAKEN -> skip :: else -> goto gone fi;
  S(owner[i] = CHILD; cgen[i] = me);
#elif defined(NO_GENERATION)
  atomic { if :: owner[i] == NOBODY -> owner[i] = CHILD; seat[i] = me :: else -> goto gone fi };
#else
  atomic { if :: owner[i] == NOBODY && cgen[i] == me -> owner[i] = CHILD
              :: else -> goto gone fi };
#endif
  S(col[i] = LIVE; seated = true; working[i]++; assert(working[i] == 1));  /* O */
  do
  :: n == TRIES -> break
  :: n < TRIES ->
     n++;
     S(st[i] = HELD); S(res[i]++);
     do
     :: j == W -> break
#ifdef WRONG_ORDER
     :: j < W -> sum = sum + used[j]; atomic { sum = sum + res[j]; j++ }
#else
     :: j < W -> sum = sum + res[j]; atomic { sum = sum + used[j]; j++ }
#endif
     od;
     if
     :: sum > LIMIT -> atomic { sum = 0; j = 0 }; S(res[i]--); S(st[i] = FREE)
     :: else -> atomic { sum = 0; j = 0 };
        S(st[i] = SENT; g[i] = 1; granted++; limit());
        S(tgt[i] = used[i] + 1; st[i] = SETTLING);
#ifdef RES_LATE
        S(res[i]--); S(used[i] = tgt[i]; g[i] = 0; limit());
#else
        S(used[i] = tgt[i]; g[i] = 0); S(res[i]--);
#endif
        S(st[i] = FREE); acked++
     fi
  od;
gone:
  atomic { alive IS(i, me) = false; if :: seated -> working[i]-- :: else fi }
}

/* ---- master ---- */

#define M(x) if :: atomic { mkills < MKILLS -> mkills++; goto boot } \
                :: atomic { skip; x } fi

/* Whose pid the column shows. */
#ifdef NO_GENERATION
#define OCCUPANT(i) seat[i]
#else
#define OCCUPANT(i) cgen[i]
#endif
/* waitpid says it of the child that I forked for the column, a pidfd of the
 * process that an older master's column shows. */
#define DEAD(i) (mine[i] -> !alive IS(i, gen[i]) : !alive IS(i, OCCUPANT(i)))
#define GONE(i) (!mine[i] || (forked IS(i, gen[i]) && !alive IS(i, gen[i])))

/* A child that has not come must not come; one that came and is dead is dead;
 * one that is on its way is left alone. */
inline give_up(i) {
  M(if :: owner[i] == NOBODY -> owner[i] = GIVEN_UP :: else fi);
  if
  :: owner[i] == GIVEN_UP || !alive IS(i, OCCUPANT(i)) ->
     M(if :: col[i] == TAKEN || col[i] == LIVE -> col[i] = DYING :: else fi)
  :: else
  fi
}

active proctype master() {
  byte i; bool mine[W];
boot:
  atomic { mine[0] = false; mine[1] = false; i = 0 };
loop:
  do
#ifdef INHERIT_DYING
  :: atomic { forks < CHILDREN && (col[0] == FREE || col[0] == DYING) -> i = 0 }; goto take
  :: atomic { forks < CHILDREN && (col[1] == FREE || col[1] == DYING) -> i = 1 }; goto take
#else
  :: atomic { forks < CHILDREN && col[0] == FREE -> i = 0 }; goto take
  :: atomic { forks < CHILDREN && col[1] == FREE -> i = 1 }; goto take
#endif
  :: atomic { col[0] == LIVE && DEAD(0) -> i = 0 }; M(col[i] = DYING)
  :: atomic { col[1] == LIVE && DEAD(1) -> i = 1 }; M(col[i] = DYING)
  /* my child is gone and was never LIVE; or another master's column */
  :: atomic { col[0] == TAKEN && GONE(0) -> i = 0 }; give_up(i)
  :: atomic { col[1] == TAKEN && GONE(1) -> i = 1 }; give_up(i)
  :: atomic { forks == CHILDREN && col[0] == FREE && col[1] == FREE -> quiet = true; goto fin }
  od;
take:
  M(gen[i]++; cgen[i] = gen[i]; owner[i] = NOBODY);
  mine[i] = true;
  M(col[i] = TAKEN);
  M(forks++; forked IS(i, gen[i]) = true; alive IS(i, gen[i]) = true; run child(i, gen[i]));
  i = 0;
  goto loop;
fin: skip
}

/* ---- reaper ---- */

#define P(x) if :: atomic { rkills < RKILLS -> rkills++; goto boot } \
                :: atomic { skip; x } fi

active proctype reaper() {
  byte i;
boot:
  atomic { i = 0 };
  do
  :: atomic { col[0] == DYING -> i = 0 }; break
  :: atomic { col[1] == DYING -> i = 1 }; break
  :: quiet -> goto fin
  od;
  assert(working[i] == 0);                                              /* O */
  if :: st[i] == SENT -> P(tgt[i] = used[i] + 1; st[i] = SETTLING) :: else fi;
  if :: st[i] == SETTLING && used[i] < tgt[i] -> P(used[i] = tgt[i]; g[i] = 0; limit()) :: else fi;
#ifdef FREE_EARLY
  P(col[i] = FREE);
#endif
  P(res[i] = 0); P(st[i] = FREE);
  assert(working[i] == 0);                                              /* O */
  P(col[i] = FREE);
  goto boot;
fin:
  assert(res[0] + res[1] == 0 && st[0] + st[1] == 0);                   /* L */
  assert(used[0] + used[1] >= acked && used[0] + used[1] <= granted)    /* A */
}
