package org.espalier.api.backend;

import java.util.List;

/**
 * How an executable has fared that moves experts about, since it was compiled.
 *
 * @param positions that passed through it
 * @param used experts that layers asked for, counted once per layer and pass
 * @param found those of them that were where they were needed, without being moved for this pass
 * @param ahead those that were moved for this pass before their layer asked for them
 * @param moved bytes moved, all told
 * @param wasted bytes of them that were moved ahead for a layer that did not ask for them
 * @param waitedNanos how long passes stood still for experts to come
 * @param movingNanos how long anything was being moved; 0 where nobody knows
 * @param passNanos how long passes took in all
 * @param source where they come from, for people: {@code "disk (direct reads)"}
 * @param homes where each expert is now
 */
public record ExpertTraffic(
    long positions,
    long used,
    long found,
    long ahead,
    long moved,
    long wasted,
    long waitedNanos,
    long movingNanos,
    long passNanos,
    String source,
    List<Home> homes) {
  public ExpertTraffic {
    homes = List.copyOf(homes);
  }

  /** Share of the experts asked for that were where they were needed; 0 before the first pass. */
  public double hitRate() {
    return used == 0 ? 0 : (double) found / used;
  }

  /** What has happened since an earlier moment; experts are where they are now. */
  public ExpertTraffic since(ExpertTraffic earlier) {
    return new ExpertTraffic(
        positions - earlier.positions,
        used - earlier.used,
        found - earlier.found,
        ahead - earlier.ahead,
        moved - earlier.moved,
        wasted - earlier.wasted,
        waitedNanos - earlier.waitedNanos,
        movingNanos - earlier.movingNanos,
        passNanos - earlier.passNanos,
        source,
        homes);
  }

  /** Bytes moved per position; 0 before the first pass. */
  public double movedPerPosition() {
    return positions == 0 ? 0 : (double) moved / positions;
  }

  /** Bytes per second while anything was being moved; 0 where nobody knows. */
  public double movingSpeed() {
    return movingNanos == 0 ? 0 : moved * 1e9 / movingNanos;
  }

  /**
   * Speed as a share of what it could be if nothing but moving what is needed took time; 0 where
   * nobody knows.
   */
  public double shareOfSpeed() {
    return moved == 0 || passNanos == 0
        ? 0
        : (double) movingNanos / passNanos * (moved - wasted) / moved;
  }

  /**
   * Experts of a layer that are at one place.
   *
   * @param place for people: {@code "memory"}, {@code "disk"}, {@code "cuda"}
   * @param experts ascending
   */
  public record Home(int layer, String place, List<Integer> experts) {
    public Home {
      experts = List.copyOf(experts);
    }
  }
}
