/* A settle and its ring record are one pair; the ring is a ring of bytes.
 *
 * One column, two slots, records of one or two units ("bytes") in a ring of
 * four. The worker writes its record at head, where nobody looks, then names
 * targets, position and end of the record in the slot; slot state SETTLING
 * commits the pair (S1..S3). used, head, reserved, FREE follow (S4..S7). The
 * reaper completes and charges (R1..R5), its own records are of the smallest
 * length; the drainer books [position, head) in one batch, then moves tail.
 *
 * Proved (sequentially consistent, N requests over all lives, at most KILLS
 * deaths of workers and AKILLS of reaper or drainer, anywhere):
 *   X  at the end used = ledger total, one row per settle, none twice or lost
 *   B  each record's `after` is the last one's + its amount (bank statement)
 *   M  at each batch the ledger's total <= used
 *   V  reserved covers what is granted and not in used, at each store
 *   F  the ring is never over: admission keeps room for the LARGEST record of
 *      every slot in use (H0), the reaper's records included
 *   R  at the end nothing is reserved
 *   -DDAYDB: rows live in a database of their own, keyed by ring position
 * Seeded mistakes, each found:
 *   -DHEAD_FIRST    head before used                     M
 *   -DFREE_FIRST    slot FREE before head                record lost
 *   -DINDEX_ORDER   reaper in index order                charge lost
 *   -DRES_EACH      reserved zeroed after one slot       V
 *   -DREL_TARGET    reaper adds instead of storing       charged twice
 *   -DRECORD_AFTER  record written after SETTLING        garbage published
 *   -DNO_RESERVE    room asked for one record only       F
 *   -DSMALL_RESERVE room kept at the smallest length     F
 *   -DNO_END        reaper publishes its own idea of the record's length
 *   -DTAIL_FIRST    tail before the batch                record lost
 *   -DDAYDB -DPOS_FIRST  position before rows            rows lost
 *   -DDAYDB -DDAY_SEQ    rows under a running number     rows twice
 */
#ifndef N
#define N 4
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef AKILLS
#define AKILLS 2
#endif
#define SIZE 4
#define LARGEST 2
#define AMT 2
#define FREE 0
#define HELD 1
#define SENT 2
#define SETTLING 3

byte res, used;                         /* the cell */
byte st[2], tgt[2], rec[2], end[2];     /* slots: state, target, [rec, end) */
byte rlen[SIZE], rval[SIZE], rafter[SIZE], head, tail;   /* the ring */
byte dbtotal, dbrows, dbpos;            /* the ledger */
#ifdef DAYDB
short dayrows;                          /* a bit per position */
#endif
bool dead, done;
byte kills, akills, started, settled, acked;             /* ghosts */

/* A store of the worker, of the accountant: either may die before it. The skip
 * matters: an `else` at the head of x would belong to the whole selection and
 * wait until nobody can die any more. */
#define S(x) if :: atomic { kills < KILLS -> kills++; dead = true; goto gone } \
                :: atomic { skip; x; cover() } fi
#define P(x) if :: atomic { akills < AKILLS -> akills++; goto boot } \
                :: atomic { skip; x; cover() } fi

/* What nobody may read any more is zeroed, which only makes fewer states. */
inline forget(s) { tgt[s] = 0; rec[s] = 0; end[s] = 0; st[s] = FREE }
inline release(h) {
  do :: tail >= h -> break
     :: else -> rlen[tail % SIZE] = 0; rval[tail % SIZE] = 0;
                rafter[tail % SIZE] = 0; tail++ od
}

#define OWED(s) (st[s] == SENT -> AMT : \
                 ((st[s] == SETTLING && tgt[s] > used) -> tgt[s] - used : 0))
inline cover() { assert(res >= OWED(0) + OWED(1)) }                     /* V */

/* The bytes of a record of length l at head; not one store, but nobody reads
 * them before head moves, and who repeats writes them all again. */
inline put(l, v) {
  assert(head + l - tail <= SIZE);                                      /* F */
  rlen[head % SIZE] = l; rval[head % SIZE] = v; rafter[head % SIZE] = used + v;
  if :: l == 2 -> rlen[(head + 1) % SIZE] = 0 :: else fi
}

#ifdef NO_RESERVE
#define ROOM (head - tail + LARGEST <= SIZE)
#elif defined(SMALL_RESERVE)
#define ROOM (head - tail + (st[0] != FREE) + (st[1] != FREE) + 1 <= SIZE)
#else
#define ROOM (head - tail + LARGEST * ((st[0] != FREE) + (st[1] != FREE) + 1) <= SIZE)
#endif

active proctype worker() {
  byte s, t, l;
again:
  do
  :: atomic { (started == N && st[0] == FREE && st[1] == FREE) -> done = true; goto fin }
  :: atomic { started < N && (st[0] == FREE || st[1] == FREE) ->
       if :: st[0] == FREE -> s = 0 :: else -> s = 1 fi; started++ };
     if
     :: ROOM -> S(st[s] = HELD); S(res = res + AMT); S(st[s] = SENT)
     :: else                                                          /* 503 */
     fi; s = 0
  :: atomic { st[0] == SENT -> s = 0 }; goto settle
  :: atomic { st[1] == SENT -> s = 1 }; goto settle
  od;
settle:
  atomic { if :: t = 1 :: t = AMT fi; if :: l = 1 :: l = 2 fi };
#ifndef RECORD_AFTER
  S(put(l, t));
#endif
  S(tgt[s] = used + t; rec[s] = head; end[s] = head + l; st[s] = SETTLING; settled++);
#ifdef RECORD_AFTER
  S(put(l, t));
#endif
#ifdef HEAD_FIRST
  S(head = end[s]); S(used = tgt[s]);
#elif defined(FREE_FIRST)
  S(used = tgt[s]); S(res = res - AMT); S(forget(s)); S(head = end[s]);
#else
  S(used = tgt[s]); S(head = end[s]);
#endif
#ifndef FREE_FIRST
  S(res = res - AMT); S(forget(s));
#endif
  atomic { acked = acked + t; t = 0; l = 0; s = 0 };
  goto again;
gone:
  atomic { s = 0; t = 0; l = 0; !dead -> goto again };        /* the next one */
fin: skip
}

/* R1 for one slot. */
inline finish(s) {
  if :: used < tgt[s] -> P(used = tgt[s]) :: else fi;
#ifdef NO_END
  if :: head == rec[s] -> P(head = rec[s] + 1) :: else fi
#else
  if :: head == rec[s] -> P(head = end[s]) :: else fi
#endif
}
/* R2 for one slot: the whole grant, a record of the smallest length. */
inline charge(s) {
  P(put(1, AMT));
#ifdef REL_TARGET
  P(used = used + AMT);
  P(tgt[s] = used; rec[s] = head; end[s] = head + 1; st[s] = SETTLING; settled++);
#else
  P(tgt[s] = used + AMT; rec[s] = head; end[s] = head + 1; st[s] = SETTLING; settled++);
#endif
  finish(s)
}

/* Reaper and drainer die apart here: that covers an accountant of one thread,
 * of two, and its death as a whole. */
active proctype reaper() {
boot:
  do
  :: dead ->
#ifdef INDEX_ORDER
     if :: st[0] == SETTLING -> finish(0) :: st[0] == SENT -> charge(0) :: else fi;
     if :: st[1] == SETTLING -> finish(1) :: st[1] == SENT -> charge(1) :: else fi;
#else
     if :: st[0] == SETTLING -> finish(0) :: else fi;                  /* R1 */
     if :: st[1] == SETTLING -> finish(1) :: else fi;
     if :: st[0] == SENT -> charge(0) :: else fi;                      /* R2 */
#ifdef RES_EACH
     P(res = 0);
#endif
     if :: st[1] == SENT -> charge(1) :: else fi;
#endif
     P(res = 0);                                                       /* R3 */
     P(forget(0)); P(forget(1));                                       /* R4 */
     P(dead = false)                                                   /* R5 */
  :: done -> break
  od
}

#ifdef DAYDB
#define CLEAR bits = 0
#define MARK bits = bits | (1 << n)
#else
#define CLEAR skip
#define MARK skip
#endif

active proctype drainer() {
  byte h, n, sum, last, rows;
#ifdef DAYDB
  short bits;
#endif
boot:
  atomic { h = 0; n = 0; sum = 0; last = 0; rows = 0; CLEAR };
#ifdef TAIL_FIRST
#define POS tail
#else
#define POS dbpos
  P(release(dbpos));                        /* the ledger's position is true */
#endif
  do
  :: POS < head -> h = head; n = POS; last = dbtotal;
     do
     :: n == h -> break
     :: n < h -> atomic {
          assert(rlen[n % SIZE] >= 1 && n + rlen[n % SIZE] <= h);
          assert(rafter[n % SIZE] == last + rval[n % SIZE]);            /* B */
          sum = sum + rval[n % SIZE]; last = rafter[n % SIZE];
          MARK; rows++; n = n + rlen[n % SIZE] }
     od;
#ifdef TAIL_FIRST
     P(release(h));
#endif
#ifdef DAY_SEQ
     P(dayrows = (dayrows << rows) | ((1 << rows) - 1));
#elif defined(DAYDB) && !defined(POS_FIRST)
     P(dayrows = dayrows | bits);
#endif
     P(dbrows = dbrows + rows; dbtotal = dbtotal + sum; dbpos = h;
       assert(dbtotal <= used));                                        /* M */
#ifdef POS_FIRST
     P(dayrows = dayrows | bits);
#endif
#ifndef TAIL_FIRST
     P(release(h));
#endif
     atomic { h = 0; n = 0; sum = 0; last = 0; rows = 0; CLEAR }
  :: done && POS == head -> break
  od;
  assert(res == 0);                                                     /* R */
  assert(used == dbtotal && dbrows == settled && dbpos == head);        /* X */
  assert(used >= acked);
#ifdef DAYDB
  d_step { n = 0; rows = 0;
    do :: n == 16 -> break
       :: n < 16 -> rows = rows + ((dayrows >> n) & 1); n++ od };
  assert(rows == settled)                                     /* X, for rows */
#endif
}
