/* The end of a budget's period, while workers admit and settle.
 *
 * A budget is limit + baseline over a total that only grows; rolling stores a
 * new baseline, in the ledger first (one batch with the totals it was taken
 * from), then in the segment. Two budgets on the same cells, "day" and "month",
 * rolled alone or together, each baseline a store of its own; the product
 * publishes one word for both (the lower end), which is a subset of this.
 *
 * Proved (sequentially consistent, W workers of TRIES requests, the accountant
 * dies KILLS times anywhere):
 *   G  at each admission, for each budget: used since the FIRST baseline shown
 *      for the period + granted <= limit
 *   U  a period has one baseline for ever, and no roll is lost
 *   D  in the ledger, always: baseline <= the totals stored with it
 *   -DOVER: requests may settle more than they reserved: never more than the
 *   limit granted at one moment
 *   -DINTENT: the other order that holds, for resets that must not wait for a
 *   disk (not used): an absolute intent in the segment, the ledger follows
 * Seeded mistakes, each found:
 *   -DBASE_LAST -DOVER -DW=3  baseline loaded after the sums             G
 *   -DSEG_FIRST               segment before the ledger                  U
 *   -DPERIOD_FIRST            period number before the baseline          U
 *   -DNO_VECTOR               baseline durable without its totals        D
 */
#ifndef W
#define W 2
#endif
#ifndef TRIES
#define TRIES 2
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef L0
#define L0 1                     /* the day's limit */
#endif
#define L1 (L0 + 1)              /* the month's limit */
#ifndef ROLLS
#define ROLLS 2                  /* days; the month rolls once */
#endif

byte res[W], used[W];            /* single-writer cells */
byte base[2], period[2];         /* segment: written by the accountant only */
byte dbbase[2], dbperiod[2], dbused[W];   /* the ledger: each change below is one synced batch */
#ifdef INTENT
byte ibase[2], iperiod[2];       /* segment: the roll that is under way, or the last one */
#endif
byte grant, done, kills;         /* ghosts */
byte gbase[2], gper[2];          /* first baseline shown for the newest period shown */

inline total() { tot = grant; j = 0; do :: j == W -> break :: else -> tot = tot + used[j]; j++ od }

proctype worker(byte i) {
  byte n, sum, j, b0, b1, tot; bool over;
  do
  :: n == TRIES -> break
  :: n < TRIES ->
     atomic { n++; res[i]++; sum = 0; j = 0 }
#ifndef BASE_LAST
     b0 = base[0]; b1 = base[1];
#endif
     do
     :: j == W -> break
     :: j < W -> sum = sum + res[j]; atomic { sum = sum + used[j]; j++ }
     od;
#ifdef BASE_LAST
     b0 = base[0]; b1 = base[1];
#endif
     atomic { over = (sum > b0 + L0 || sum > b1 + L1); sum = 0; b0 = 0; b1 = 0; j = 0 };
     if
     :: over -> atomic { res[i]--; over = false }
     :: else ->
        atomic { grant++;
#ifdef OVER
          assert(grant <= L0)
#else
          total(); assert(tot <= gbase[0] + L0 && tot <= gbase[1] + L1); tot = 0; j = 0
#endif
        };
        atomic { grant--;
          if
#ifdef OVER
          :: used[i] = used[i] + 2
#else
          :: skip
#endif
          :: used[i]++
          fi };
        res[i]--
     fi
  od;
  done++
}

/* A store of the accountant: it may die before it. The skip keeps an `else` at
 * the head of x from waiting for the kills to end. */
#define A(x) if :: atomic { kills < KILLS -> kills++; goto boot } :: atomic { skip; x } fi

/* the baseline of budget b for period p becomes visible to workers */
inline reveal(b, p, v) {
  base[b] = v;
  if :: p > gper[b] -> gper[b] = p; gbase[b] = v
     :: else -> assert(v == gbase[b])          /* U */
  fi
}
inline batch(b) {
  dbbase[b] = B; dbperiod[b] = dbperiod[b] + 1;
#ifndef NO_VECTOR
  j = 0; do :: j == W -> break :: else -> dbused[j] = u[j]; j++ od
#endif
}
inline durable() {                             /* D */
  j = 0; tot = 0; do :: j == W -> break :: else -> tot = tot + dbused[j]; j++ od;
  assert(tot >= dbbase[0] && tot >= dbbase[1]); tot = 0; j = 0
}

active proctype acct() {
  byte b, j, B, tot; byte u[W];
#ifdef INTENT
  byte g0, g1, v0, v1;
#endif
  atomic { b = 0; do :: b == W -> break :: else -> run worker(b); b++ od; b = 0 }
boot:
  atomic { b = 0; B = 0; tot = 0; j = 0; do :: j == W -> break :: else -> u[j] = 0; j++ od; j = 0 }
#ifdef INTENT
  if :: iperiod[0] > period[0] -> A(reveal(0, iperiod[0], ibase[0])); A(period[0] = iperiod[0]) :: else fi;
  if :: iperiod[1] > period[1] -> A(reveal(1, iperiod[1], ibase[1])); A(period[1] = iperiod[1]) :: else fi;
#elif !defined(SEG_FIRST) && !defined(PERIOD_FIRST)
  A(reveal(0, dbperiod[0], dbbase[0])); A(period[0] = dbperiod[0]);   /* A4: the ledger is right */
  A(reveal(1, dbperiod[1], dbbase[1])); A(period[1] = dbperiod[1]);
#else
  d_step { dbbase[0] = base[0]; dbperiod[0] = period[0]; dbbase[1] = base[1]; dbperiod[1] = period[1] }
#endif
  do
#ifdef INTENT
  :: (dbperiod[0] < period[0] || dbperiod[1] < period[1]) ->       /* the next flush */
     g0 = period[0]; g1 = period[1]; v0 = base[0]; v1 = base[1];   /* own words first, then used */
     do :: j == W -> break :: j < W -> atomic { u[j] = used[j]; j++ } od;
     A(dbbase[0] = v0; dbbase[1] = v1; dbperiod[0] = g0; dbperiod[1] = g1;
       j = 0; do :: j == W -> break :: else -> dbused[j] = u[j]; j++ od; durable());
     atomic { g0 = 0; g1 = 0; v0 = 0; v1 = 0; j = 0; do :: j == W -> break :: else -> u[j] = 0; j++ od; j = 0 }
  :: atomic { (period[0] < ROLLS || period[1] < 1) -> j = 0; B = 0; if :: period[0] < ROLLS -> b = 0
     :: period[1] < 1 -> b = 1 :: period[0] < ROLLS && period[1] < 1 -> b = 2 fi };
#else
  :: atomic { (dbperiod[0] < ROLLS || dbperiod[1] < 1) -> j = 0; B = 0; if :: dbperiod[0] < ROLLS -> b = 0 :: dbperiod[1] < 1 -> b = 1
     :: dbperiod[0] < ROLLS && dbperiod[1] < 1 -> b = 2 fi };
#endif
     do :: j == W -> break
        :: j < W -> atomic { u[j] = used[j]; B = B + u[j]; j++ } od;       /* collect: not an instant */
#ifdef INTENT
     if :: b != 1 -> A(ibase[0] = B); A(iperiod[0] = period[0] + 1);
                     A(reveal(0, iperiod[0], B)); A(period[0] = iperiod[0]) :: else fi;
     if :: b != 0 -> A(ibase[1] = B); A(iperiod[1] = period[1] + 1);
                     A(reveal(1, iperiod[1], B)); A(period[1] = iperiod[1]) :: else fi;
#elif defined(SEG_FIRST)
     if :: b != 1 -> A(reveal(0, period[0] + 1, B)); A(period[0] = period[0] + 1) :: else fi;
     if :: b != 0 -> A(reveal(1, period[1] + 1, B)); A(period[1] = period[1] + 1) :: else fi;
     A(if :: b != 1 -> batch(0) :: else fi; if :: b != 0 -> batch(1) :: else fi; durable());
#elif defined(PERIOD_FIRST)
     if :: b != 1 -> A(period[0] = period[0] + 1); A(reveal(0, period[0], B)) :: else fi;
     if :: b != 0 -> A(period[1] = period[1] + 1); A(reveal(1, period[1], B)) :: else fi;
     A(if :: b != 1 -> batch(0) :: else fi; if :: b != 0 -> batch(1) :: else fi; durable());
#else
     A(if :: b != 1 -> batch(0) :: else fi; if :: b != 0 -> batch(1) :: else fi; durable());
     if :: b != 1 -> A(reveal(0, dbperiod[0], B)); A(period[0] = dbperiod[0]) :: else fi;
     if :: b != 0 -> A(reveal(1, dbperiod[1], B)); A(period[1] = dbperiod[1]) :: else fi;
#endif
     d_step { b = 0; B = 0; j = 0; do :: j == W -> break :: else -> u[j] = 0; j++ od; j = 0 }
  :: done == W -> break
  od;
#ifndef SEG_FIRST                                 /* there the repeat is found first */
  assert(gper[0] == period[0] && gper[1] == period[1]);          /* U: no roll is lost */
#endif
#ifndef INTENT
  assert(base[0] == dbbase[0] && base[1] == dbbase[1]);
  assert(period[0] == dbperiod[0] && period[1] == dbperiod[1])
#endif
}
