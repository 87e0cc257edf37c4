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
 *   -DBOOT_MOST    a new accountant shows its own guess, not the ledger's
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

/* Charged at a cut is `escrow`: it changes, or what was answered, only here. */
#define HOLDS assert(used[0] + used[1] <= escrow)
#define SUM sum = res[0]; sum = sum + used[0]; sum = sum + res[1]; sum = sum + used[1]
#define P(x) if :: atomic { akills < AKILLS -> akills++; goto boot } :: atomic { skip; x } fi

proctype worker(byte i) {
  byte n, want, limit, sum;
  do
  :: n == TRIES -> break
  :: n < TRIES ->
     atomic { n++; if :: want = 1 :: want = 2 fi; res[i] = want }   /* H2; H3 is the model's own order */
#ifdef SUM_FIRST
     SUM;
     limit = shown;
#else
     limit = shown;                       /* H5 */
     SUM;                                 /* H6: reserved, then used */
#endif
     if
     :: atomic { sum > limit -> res[i] = 0 }
     :: atomic { sum <= limit ->          /* H8 */
          if :: skip :: want == 2 -> want = 1 fi }   /* settled: all of it, or less */
        atomic { used[i] = used[i] + want; HOLDS };
        res[i] = 0
     fi;
     atomic { want = 0; limit = 0; sum = 0 }
  od;
  done++
}

proctype accountant() {
  byte next, sum, old;
again:
  do
  :: changes == CHANGES || done == W -> break
  :: changes < CHANGES && done < W ->
     P(changes++);
     SUM;
     atomic { next = (sum + STEP > MOST -> MOST : sum + STEP); old = escrow };
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
        P(escrow = next; HOLDS);
        P(shown = next)
#else
        P(shown = next);                  /* L1 */
        SUM;                              /* L2 */
        if
#ifndef NO_LOOK
        :: sum > next -> P(shown = old)
        :: sum <= next -> P(escrow = next; HOLDS)   /* L3 */
#else
        :: P(escrow = next; HOLDS)
#endif
        fi
#endif
     :: next == escrow -> P(shown = escrow)
     fi;
     atomic { next = 0; sum = 0; old = 0 }
  od;
  goto end;
boot:
  atomic { next = 0; sum = 0; old = 0 };
#ifdef BOOT_MOST
  shown = MOST;
#else
  shown = escrow;
#endif
  goto again;
end:
  skip
}

init { atomic { run worker(0); run worker(1); run accountant() } }
