/* Strict durability: what a key may use is durable before it may be used.
 *
 * `escrow` (in the ledger) is a total that no answer has passed; `shown` (in the
 * segment) is what admission is held to. Raise: ledger, then segment. Lower:
 * segment, fence, sum; somebody has more -> the old one again; then the ledger.
 * The power may be cut at any instant: the key is charged up to `escrow`.
 *
 * Proved (sequentially consistent, two workers of TRIES requests of one or two,
 * the accountant raises and lowers CHANGES times and dies AKILLS times anywhere):
 *   E  at every instant used[0] + used[1] <= escrow: whenever the power is cut,
 *      nobody was answered more than will be charged.
 * Seeded mistakes, each found:
 *   -DSHOW_FIRST    raised in the segment before it is durable
 *   -DLEDGER_FIRST  lowered in the ledger before the segment
 *   -DNO_LOOK       lowered without the second look
 *   -DSUM_FIRST     the worker loads `shown` behind its sums
 *   -DBOOT_LOWER    a new accountant shows its own guess, not the ledger's
 */
#define W 2
#ifndef TRIES
#define TRIES 2
#endif
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef AKILLS
#define AKILLS 1
#endif
#define STEP 2
#define MOST 6

byte res[W], used[W];
byte escrow = STEP, shown = STEP;
byte changes, akills, done;

#define P(x) if :: atomic { akills < AKILLS -> akills++; goto boot } :: atomic { skip; x } fi

proctype worker(byte i) {
  byte n, want, limit, sum, k;
  do
  :: n == TRIES -> break
  :: n < TRIES ->
     n++;
     if :: want = 1 :: want = 2 fi;
     res[i] = res[i] + want;              /* H2; H3 is the model's own order */
#ifdef SUM_FIRST
     sum = 0; k = 0;
     do :: k == W -> break :: k < W -> sum = sum + res[k]; sum = sum + used[k]; k++ od;
     limit = shown;
#else
     limit = shown;                       /* H5 */
     sum = 0; k = 0;
     do                                   /* H6: reserved, then used */
     :: k == W -> break
     :: k < W -> sum = sum + res[k]; sum = sum + used[k]; k++
     od;
#endif
     if
     :: sum > limit -> res[i] = res[i] - want
     :: else ->
        skip;                             /* H8 */
        /* settle: all of it, or less */
        if :: skip :: want == 2 -> want = 1 fi;
        used[i] = used[i] + want;
        res[i] = 0
     fi;
     want = 0; limit = 0; sum = 0; k = 0
  od;
  done++
}

proctype accountant() {
  byte next, sum, k, old;
again:
  do
  :: changes == CHANGES || done == W -> break
  :: changes < CHANGES && done < W ->
     P(changes++);
     sum = 0; k = 0;
     do :: k == W -> break :: k < W -> sum = sum + res[k] + used[k]; k++ od;
     next = sum + STEP;
     if :: next > MOST -> next = MOST :: else fi;
     old = escrow;
     if
     :: next > escrow ->                  /* raise */
#ifdef SHOW_FIRST
        P(shown = next);
        P(escrow = next)
#else
        P(escrow = next);                 /* E1 */
        P(shown = next)                   /* E2 */
#endif
     :: next < escrow ->                  /* lower */
#ifdef LEDGER_FIRST
        P(escrow = next);
        P(shown = next)
#else
        P(shown = next);                  /* L1 */
        sum = 0; k = 0;                   /* L2 */
        do :: k == W -> break :: k < W -> sum = sum + res[k]; sum = sum + used[k]; k++ od;
        if
#ifndef NO_LOOK
        :: sum > next -> P(shown = old)
#endif
        :: else -> P(escrow = next)       /* L3 */
        fi
#endif
     :: next == escrow -> P(shown = escrow)
     fi;
     next = 0; sum = 0; k = 0; old = 0
  od;
  goto end;
boot:
  next = 0; sum = 0; k = 0; old = 0;
#ifdef BOOT_LOWER
  shown = MOST;
#else
  shown = escrow;
#endif
  goto again;
end:
  skip
}

/* The instant of a cut, any: what was answered is within what is charged. */
active proctype cut() {
  assert(used[0] + used[1] <= escrow)
}

init { atomic { run worker(0); run worker(1); run accountant() } }
