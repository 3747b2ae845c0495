package org.espalier.backend.offload.placement;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.model.Stage;

/**
 * Which experts a device keeps in its own memory, when there is room for some. A pure function of
 * how often each was used, of their sizes and of the room.
 *
 * @param near the experts that it keeps, as layer and expert
 * @param nearBytes what they take
 * @param farBytes what the others take of the host's page-locked memory
 * @param nearShare share of all observed uses that meet the device's own memory
 */
public record DevicePlan(Set<Key> near, long nearBytes, long farBytes, double nearShare)
    implements ExpertPlacement {
  public DevicePlan {
    near = Set.copyOf(near);
  }

  /** Names an expert. */
  public record Key(int layer, int expert) {}

  private record Candidate(Key key, long uses, long bytes) {
    double density() {
      return (double) uses / bytes;
    }
  }

  /**
   * Takes the experts with the most uses per byte first; where uses are equal (at first all are
   * zero) the layers take turns, so that each keeps the same share.
   *
   * @param layers whose experts the device computes
   * @param room bytes of the device for experts
   */
  public static DevicePlan of(List<Stage.MixtureOfExperts> layers, UseCounts uses, long room) {
    List<Candidate> candidates = new ArrayList<>();
    for (Stage.MixtureOfExperts layer : layers) {
      long bytes = expertBytes(layer);
      for (int expert = 0; expert < layer.experts(); expert++) {
        candidates.add(
            new Candidate(
                new Key(layer.layer(), expert),
                uses.of(layer.layer(), expert),
                Math.max(1, bytes)));
      }
    }
    candidates.sort(
        Comparator.comparingDouble(Candidate::density)
            .reversed()
            .thenComparingInt(candidate -> candidate.key.expert)
            .thenComparingInt(candidate -> candidate.key.layer));
    Set<Key> near = new HashSet<>();
    long nearBytes = 0;
    long farBytes = 0;
    long nearUses = 0;
    long allUses = 0;
    for (Candidate candidate : candidates) {
      allUses += candidate.uses;
      if (candidate.bytes <= room - nearBytes) {
        near.add(candidate.key);
        nearBytes += candidate.bytes;
        nearUses += candidate.uses;
      } else {
        farBytes += candidate.bytes;
      }
    }
    double share =
        allUses > 0 ? (double) nearUses / allUses : (double) near.size() / candidates.size();
    return new DevicePlan(near, nearBytes, farBytes, candidates.isEmpty() ? 1 : share);
  }

  /** Bytes of one expert of a layer. */
  public static long expertBytes(Stage.MixtureOfExperts layer) {
    return (layer.gate().bytes() + layer.up().bytes() + layer.down().bytes()) / layer.experts();
  }

  @Override
  public boolean isNear(int layer, int expert) {
    return near.contains(new Key(layer, expert));
  }
}
