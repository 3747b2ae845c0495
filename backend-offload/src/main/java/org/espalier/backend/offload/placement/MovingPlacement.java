package org.espalier.backend.offload.placement;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.model.Stage;
import org.espalier.backend.offload.residency.Worth;
import org.jspecify.annotations.Nullable;

/**
 * Which experts are near while a model runs: at first those of a {@link DevicePlan}, then those
 * that the passes use. Between passes some experts that have become worth more change places with
 * others of their layer that have become worth less; which only moves bytes about.
 *
 * <p>Safe for use by several threads.
 */
public final class MovingPlacement implements ExpertPlacement {
  /**
   * Exchanges between two passes at most. Each carries an expert's bytes both ways, about as long
   * as reading one in place.
   */
  private static final int MOST = 2;

  /**
   * By how much more often the one that comes must be used than the one that goes: an exchange then
   * pays for itself within ten tokens. Estimates waver by less than half of that.
   */
  private static final double MARGIN = 0.1;

  private final FarExperts far;
  private final UseCounts counts;
  private final Map<Integer, boolean[]> near = new TreeMap<>();
  private final int experts;
  private final Worth worth;
  private final ReentrantLock lock = new ReentrantLock();
  private long used;
  private long found;
  private long moved;
  private long exchanged;

  /**
   * @param layers whose experts the device computes
   * @param start what is near at first; everything where empty
   * @param counts receives uses of all layers
   */
  public MovingPlacement(
      List<Stage.MixtureOfExperts> layers,
      Optional<DevicePlan> start,
      FarExperts far,
      UseCounts counts) {
    this.far = far;
    this.counts = counts;
    this.experts = layers.stream().mapToInt(Stage.MixtureOfExperts::experts).max().orElse(0);
    int count = layers.stream().mapToInt(Stage.MixtureOfExperts::layer).max().orElse(-1) + 1;
    this.worth = new Worth(count, experts);
    for (Stage.MixtureOfExperts layer : layers) {
      boolean[] flags = new boolean[layer.experts()];
      for (int e = 0; e < flags.length; e++) {
        flags[e] = start.isEmpty() || start.get().isNear(layer.layer(), e);
      }
      near.put(layer.layer(), flags);
    }
  }

  @Override
  public boolean isNear(int layer, int expert) {
    lock.lock();
    try {
      boolean[] flags = near.get(layer);
      return flags != null && flags[expert];
    } finally {
      lock.unlock();
    }
  }

  /** Whether the device computes a layer's experts. */
  public boolean places(int layer) {
    return near.containsKey(layer);
  }

  @Override
  public boolean isCopied(double reads) {
    return switch (far) {
      case AUTO -> LinkCosts.prefersCopy(reads);
      case COPY -> true;
      case READ, CPU -> false;
    };
  }

  @Override
  public boolean learns() {
    return true;
  }

  @Override
  public void used(int layer, int[] rows, long movedBytes) {
    lock.lock();
    try {
      for (int e = 0; e < rows.length; e++) {
        counts.add(layer, e, rows[e]);
      }
      boolean[] flags = near.get(layer);
      if (flags == null) {
        return; // computed by the host
      }
      int[] those = IntStream.range(0, flags.length).filter(e -> rows[e] > 0).toArray();
      worth.turn(layer, those, those.length);
      used += those.length;
      found += IntStream.of(those).filter(e -> flags[e]).count();
      moved += movedBytes;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public List<Exchange> exchanges() {
    lock.lock();
    try {
      List<Exchange> all = new ArrayList<>();
      for (int i = 0; i < MOST; i++) {
        Exchange best = best();
        if (best == null) {
          break;
        }
        boolean[] flags = near.get(best.layer());
        flags[best.arriving()] = true;
        flags[best.leaving()] = false;
        exchanged++;
        all.add(best);
      }
      return all;
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Exchange best() {
    Exchange best = null;
    double most = MARGIN;
    for (Map.Entry<Integer, boolean[]> entry : near.entrySet()) {
      int layer = entry.getKey();
      boolean[] flags = entry.getValue();
      int arriving = -1;
      int leaving = -1;
      for (int e = 0; e < flags.length; e++) {
        if (flags[e] && (leaving < 0 || of(layer, e) < of(layer, leaving))) {
          leaving = e;
        } else if (!flags[e] && (arriving < 0 || of(layer, e) > of(layer, arriving))) {
          arriving = e;
        }
      }
      if (arriving >= 0 && leaving >= 0) {
        double gain = of(layer, arriving) - of(layer, leaving);
        if (gain > most) {
          most = gain;
          best = new Exchange(layer, arriving, leaving);
        }
      }
    }
    return best;
  }

  private double of(int layer, int expert) {
    return worth.inTheLongRun(layer * experts + expert);
  }

  /** What has happened so far. */
  public Counts counts() {
    lock.lock();
    try {
      return new Counts(used, found, moved, exchanged);
    } finally {
      lock.unlock();
    }
  }

  /**
   * What has happened so far.
   *
   * @param used experts that passes used, counted once per layer and pass
   * @param found those of them that were near
   * @param moved bytes that were brought for the others
   * @param exchanged pairs of experts that changed places
   */
  public record Counts(long used, long found, long moved, long exchanged) {}
}
