package org.espalier.runtime.quantisation.pipeline;

import java.util.ArrayList;
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

  /** Its share: a matrix belongs where its middle weight falls. */
  List<Operator.Unit> share(List<Operator.Unit> all) {
    long total = all.stream().mapToLong(Operator.Unit::weights).sum();
    List<Operator.Unit> share = new ArrayList<>();
    long before = 0;
    for (Operator.Unit unit : all) {
      double middle = before + unit.weights() / 2.0;
      if ((int) (middle * count / total) == index - 1) {
        share.add(unit);
      }
      before += unit.weights();
    }
    return share;
  }

  @Override
  public String toString() {
    return index + "/" + count;
  }
}
