package org.espalier.runtime.quantisation.pipeline;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * A share of the matrices, for one of several machines. The shares of all follow each other through
 * the layers and take about the same number of weights, so that a machine observes few layers and
 * only passes through those before.
 *
 * @param index from 1
 * @param count of shards
 */
public record Shard(int index, int count) {
  /** Refuses what is none. */
  public Shard {
    if (count < 1 || index < 1 || index > count) {
      throw new InvalidRequest(
          "there is no shard %d of %d: the first is 1, the last as many as there are"
              .formatted(index, count));
    }
  }

  /** Its share of some units. */
  List<Operator.Unit> share(List<Operator.Unit> all) {
    long[] weights = all.stream().mapToLong(Operator.Unit::weights).toArray();
    return share(weights).stream().map(all::get).toList();
  }

  /** Its share of matrices with so many weights: each belongs where its middle weight falls. */
  List<Integer> share(long[] weights) {
    long total = Arrays.stream(weights).sum();
    List<Integer> share = new ArrayList<>();
    long before = 0;
    for (int i = 0; i < weights.length; i++) {
      double middle = before + weights[i] / 2.0;
      if ((int) (middle / total * count) == index - 1) {
        share.add(i);
      }
      before += weights[i];
    }
    return share;
  }

  @Override
  public String toString() {
    return index + "/" + count;
  }
}
