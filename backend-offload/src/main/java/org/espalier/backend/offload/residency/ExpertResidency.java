package org.espalier.backend.offload.residency;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.ExpertStore;
import org.espalier.api.backend.Rows;
import org.espalier.backend.offload.disk.Readers;
import org.jspecify.annotations.Nullable;

/**
 * Lends experts out of a limited number of places and reads what is missing from disk.
 *
 * <p>What a layer asks for is read at once, several pieces at a time. While it computes and nothing
 * else is to be read, what the next layer will probably ask for is read ahead; what of that has not
 * begun when the next layer asks is taken back, so a wrong guess costs only time in which the disk
 * would have been idle. An expert is never replaced by another and never left out: who cannot be
 * read fails the pass.
 */
public final class ExpertResidency implements ExpertStore, AutoCloseable {
  private final int experts;
  private final Map<Integer, Lent> layers;
  private final Readers readers;
  private final Worth worth;
  private final List<Place> places = new ArrayList<>();
  private final @Nullable Place[] placeOf;
  private final Hindsight[] hindsight;
  private final Tally tally = new Tally();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ExpertLoan loan = new ExpertLoan();
  private boolean closed;

  /**
   * A layer whose experts are lent.
   *
   * @param foresight guesses what it will need, where that can be guessed
   */
  public record Lent(LayerSource source, Places places, Optional<Foresight> foresight) {}

  /**
   * Nothing is in memory yet.
   *
   * @param experts most of a layer
   * @param layers by number; those of equal make share their places
   * @param readers read; closed with this
   */
  public ExpertResidency(int experts, Map<Integer, Lent> layers, Readers readers) {
    this.experts = experts;
    this.layers = new TreeMap<>(layers);
    this.readers = readers;
    int layerCount = layers.keySet().stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
    this.worth = new Worth(layerCount, experts);
    this.placeOf = new Place[layerCount * experts];
    this.hindsight = new Hindsight[layerCount];
    Arrays.setAll(hindsight, _ -> new Hindsight());
    layers.values().stream()
        .map(Lent::places)
        .distinct()
        .forEach(
            pool -> IntStream.range(0, pool.count()).forEach(i -> places.add(new Place(pool, i))));
  }

  @Override
  public boolean lends(int layer) {
    return layers.containsKey(layer);
  }

  @Override
  public Loan borrow(int layer, int[] wanted, int count, Rows rows) {
    lock.lock();
    try {
      if (closed) {
        throw new InvalidRequest("the model is closed");
      }
      worth.turn(layer, wanted, count);
      hindsight[layer].compare(wanted, count);
      loan.begin(layer, wanted, count);
      takeBackGuesses(layer);
      loan.findPlaces();
    } finally {
      lock.unlock();
    }
    readAhead(layer, rows);
    return loan;
  }

  /** How things went so far. */
  public Tally tally() {
    lock.lock();
    try {
      Tally copy = tally.copy();
      copy.readingNanos = readers.activeNanos();
      return copy;
    } finally {
      lock.unlock();
    }
  }

  /** Experts of a layer that are in memory, ascending. */
  public List<Integer> inMemory(int layer) {
    lock.lock();
    try {
      return IntStream.range(0, experts)
          .filter(e -> {
            Place place = placeOf[layer * experts + e];
            return place != null && place.isReady();
          })
          .boxed()
          .toList();
    } finally {
      lock.unlock();
    }
  }

  /** Ends the reading. Nobody may use lent experts any more. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
    } finally {
      lock.unlock();
    }
    readers.close();
  }

  /** Called by the thread that did it. */
  void ended(Fill fill, @Nullable RuntimeException failure) {
    lock.lock();
    try {
      Place place = fill.place;
      place.pending.remove(fill);
      tally.moved += fill.bytes();
      if (place.key == Place.NOBODY) {
        tally.wasted += fill.bytes();
      } else if (place.failure == null) {
        place.failure = failure;
      }
      if (place.pending.isEmpty()) {
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** What was read ahead for this layer in vain is counted, and not begun for any layer at all. */
  private void takeBackGuesses(int layer) {
    for (Place place : places) {
      boolean isDue = place.key != Place.NOBODY && place.key / experts == layer;
      if (place.aheadBytes > 0 && !place.pinned) {
        if (place.isLoading()) {
          drop(place);
        } else if (isDue) {
          tally.wasted += place.aheadBytes;
          place.aheadBytes = 0;
        }
      }
      place.reserved &= !isDue;
    }
  }

  private void drop(Place place) {
    long outstanding = place.pending.stream().mapToLong(Fill::bytes).sum();
    place.pending.removeIf(readers::withdraw);
    // Pieces that have come already; those under way are counted when they end.
    tally.wasted += place.aheadBytes - outstanding;
    vacate(place);
  }

  private Lent lent(int layer) {
    Lent lent = layers.get(layer);
    if (lent == null) {
      throw new IllegalStateException("no experts are lent in layer " + layer);
    }
    return lent;
  }

  private void vacate(Place place) {
    if (place.key != Place.NOBODY) {
      placeOf[place.key] = null;
    }
    place.key = Place.NOBODY;
    place.failure = null;
    place.reserved = false;
    place.aheadBytes = 0;
  }

  /** The place that can best be spared, or null. */
  private @Nullable Place spare(int layer, Predicate<Place> allowed) {
    Places pool = lent(layer).places();
    Place best = null;
    for (Place place : places) {
      if (place.places == pool && place.isFree() && allowed.test(place)) {
        if (place.key == Place.NOBODY) {
          return place;
        }
        if (best == null || worth.leavesBefore(place.key, best.key, layer)) {
          best = place;
        }
      }
    }
    return best;
  }

  private void fill(Place place, int layer, int expert, boolean isUrgent) {
    vacate(place);
    place.key = layer * experts + expert;
    placeOf[place.key] = place;
    LayerSource source = lent(layer).source();
    for (int piece = 0; piece < source.pieces().size(); piece++) {
      if (source.pieces().get(piece) instanceof LayerSource.Piece.OnDisk disk) {
        for (long from = 0; from < disk.bytes(); ) {
          boolean isFirst = place.pending.isEmpty();
          long end = disk.partEnd(expert, from);
          place.pending.add(
              new Fill(this, source, place, expert, piece, from, end - from, isFirst));
          from = end;
        }
      }
    }
    place.aheadBytes = isUrgent ? 0 : source.bytesOnDisk();
    readers.submit(place.pending, isUrgent);
  }

  /** Has what was to be read ahead read now. */
  private void hurry(Place place) {
    readers.submit(place.pending.stream().filter(readers::withdraw).toList(), true);
  }

  private void readAhead(int layer, Rows rows) {
    int next = layer + 1;
    if (!layers.containsKey(next)) {
      return;
    }
    Optional<Foresight> foresight = lent(next).foresight();
    if (foresight.isEmpty()) {
      return;
    }
    int[] likely = hindsight[next].worthFollowing(foresight.get().likely(rows));
    lock.lock();
    try {
      if (loan.isShort()) {
        return;
      }
      for (int expert : likely) {
        Place place = placeOf[next * experts + expert];
        if (place != null) {
          place.reserved = true;
        }
      }
      for (int expert : likely) {
        if (placeOf[next * experts + expert] == null) {
          Place place = spare(next, candidate -> !candidate.reserved);
          if (place == null) {
            return;
          }
          fill(place, next, expert, false);
          place.reserved = true;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** The one loan that there is at a time. */
  private final class ExpertLoan implements Loan {
    private int layer;
    private int[] wanted = new int[0];
    private @Nullable Place[] held = new Place[0];
    private boolean[] given = new boolean[0];

    /** Whether it was there or on its way before; a read that failed then is repeated once. */
    private boolean[] inherited = new boolean[0];

    private int count;
    private int left;
    private long moved;

    void begin(int newLayer, int[] newWanted, int newCount) {
      release(true);
      layer = newLayer;
      wanted = Arrays.copyOf(newWanted, newCount);
      held = new Place[newCount];
      given = new boolean[newCount];
      inherited = new boolean[newCount];
      count = newCount;
      left = newCount;
      moved = 0;
      for (int i = 0; i < count; i++) {
        Place place = placeOf[layer * experts + wanted[i]];
        tally.used++;
        if (place == null) {
          continue;
        }
        held[i] = place;
        inherited[i] = true;
        place.pinned = true;
        if (place.aheadBytes > 0) {
          tally.ahead++;
          moved += place.aheadBytes;
          place.aheadBytes = 0;
          hurry(place);
        } else {
          tally.found++;
        }
      }
    }

    /** Whether some experts still have no place. */
    boolean isShort() {
      for (int i = 0; i < count; i++) {
        if (held[i] == null && !given[i]) {
          return true;
        }
      }
      return false;
    }

    void findPlaces() {
      for (int i = 0; i < count; i++) {
        if (held[i] == null && !given[i]) {
          Place place = spare(layer, candidate -> !candidate.reserved);
          if (place == null) {
            place = spare(layer, _ -> true);
          }
          if (place == null) {
            return;
          }
          fill(place, layer, wanted[i], true);
          moved += lent(layer).source().bytesOnDisk();
          place.pinned = true;
          held[i] = place;
        }
      }
    }

    @Override
    public int await(int[] arrived, int[] at) {
      lock.lock();
      try {
        release(false);
        while (left > 0) {
          findPlaces();
          int ready = give(arrived, at);
          if (ready > 0) {
            return ready;
          }
          long start = System.nanoTime();
          changed.awaitUninterruptibly();
          tally.waitedNanos += System.nanoTime() - start;
        }
        return 0;
      } finally {
        lock.unlock();
      }
    }

    @Override
    public long moved() {
      lock.lock();
      try {
        return moved;
      } finally {
        lock.unlock();
      }
    }

    private int give(int[] arrived, int[] at) {
      int ready = 0;
      for (int i = 0; i < count; i++) {
        Place place = held[i];
        if (place == null || given[i]) {
          continue;
        }
        if (place.failure != null && !place.isLoading()) {
          RuntimeException failure = place.failure;
          vacate(place);
          if (!inherited[i]) {
            throw failure;
          }
          inherited[i] = false;
          place.pinned = false;
          held[i] = null;
          findPlaces();
          continue;
        }
        if (place.isReady()) {
          arrived[ready] = i;
          at[ready++] = place.index;
          given[i] = true;
          left--;
        }
      }
      return ready;
    }

    /**
     * Lets go of places.
     *
     * @param all also of those that have not been given yet
     */
    private void release(boolean all) {
      for (int i = 0; i < count; i++) {
        Place place = held[i];
        if (place != null && (all || given[i])) {
          place.pinned = false;
          held[i] = null;
        }
      }
    }

    @Override
    public void close() {
      lock.lock();
      try {
        release(true);
        count = 0;
        left = 0;
      } finally {
        lock.unlock();
      }
    }
  }
}
