package org.espalier.backend.cuda.weights;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;

/**
 * Experts under a budget of device memory. Whole experts (gate, up and down) stay together, and
 * every layer keeps the same share, since every layer is asked as often.
 */
public final class ExpertBudget {
  private ExpertBudget() {}

  private record Place(OperatorId operator, int expert) {}

  /**
   * As many experts on the device as fit, expert 0 of every layer first.
   *
   * @param wanted the only experts that are to be there
   */
  public static Placement placement(
      ModelPlan plan, Precision precision, long bytes, ExpertPlacement wanted) {
    List<Stage.MixtureOfExperts> layers = mixtures(plan);
    int experts = layers.stream().mapToInt(Stage.MixtureOfExperts::experts).max().orElse(0);
    Set<Place> onDevice = new HashSet<>();
    long left = bytes;
    for (int expert = 0; expert < experts; expert++) {
      for (Stage.MixtureOfExperts layer : layers) {
        if (expert < layer.experts() && wanted.isNear(layer.layer(), expert)) {
          long need = parts(layer).stream().mapToLong(part -> matrixBytes(part, precision)).sum();
          if (need <= left) {
            left -= need;
            for (EncodedLinear part : parts(layer)) {
              onDevice.add(new Place(part.id(), expert));
            }
          }
        }
      }
    }
    Set<OperatorId> banks = new HashSet<>();
    layers.forEach(layer -> parts(layer).forEach(part -> banks.add(part.id())));
    return (operator, expert) ->
        !banks.contains(operator) || onDevice.contains(new Place(operator, expert))
            ? Placement.Home.DEVICE
            : Placement.Home.HOST;
  }

  /** Bytes of experts that a placement leaves to the host. */
  public static long hostBytes(ModelPlan plan, Precision precision, Placement placement) {
    long bytes = 0;
    for (Stage.MixtureOfExperts layer : mixtures(plan)) {
      for (EncodedLinear part : parts(layer)) {
        bytes += hostBytes(part, precision, placement);
      }
    }
    return bytes;
  }

  /** The same of one linear. */
  public static long hostBytes(EncodedLinear part, Precision precision, Placement placement) {
    long onHost =
        IntStream.range(0, part.shape().experts())
            .filter(expert -> placement.home(part.id(), expert) == Placement.Home.HOST)
            .count();
    return onHost * matrixBytes(part, precision);
  }

  private static long matrixBytes(EncodedLinear part, Precision precision) {
    return StorageChoice.of(part, precision)
        .storage()
        .matrixBytes(part.shape().outputs(), part.shape().inputs());
  }

  private static List<EncodedLinear> parts(Stage.MixtureOfExperts layer) {
    return List.of(layer.gate(), layer.up(), layer.down());
  }

  private static List<Stage.MixtureOfExperts> mixtures(ModelPlan plan) {
    List<Stage.MixtureOfExperts> mixtures = new ArrayList<>();
    for (Stage stage : plan.stages()) {
      if (stage instanceof Stage.MixtureOfExperts mixture) {
        mixtures.add(mixture);
      }
    }
    return mixtures;
  }
}
