package org.espalier.backend.offload.placement;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;

/** Cuts a plan into slices that alternate between device and host. */
public final class Slices {
  private Slices() {}

  /**
   * Stages that one backend runs in a row.
   *
   * @param from first stage
   * @param to after the last
   * @param onHost whose
   */
  public record Slice(int from, int to, boolean onHost) {}

  /** Everything on the host, in one slice. */
  public static List<Slice> onHost(ModelPlan plan) {
    return List.of(new Slice(0, plan.stages().size(), true));
  }

  /** The experts of layers before {@code cpuLayers} on the host, everything else on the device. */
  public static List<Slice> of(ModelPlan plan, int cpuLayers) {
    List<Slice> slices = new ArrayList<>();
    for (int i = 0; i < plan.stages().size(); i++) {
      boolean onHost =
          plan.stages().get(i) instanceof Stage.MixtureOfExperts m && m.layer() < cpuLayers;
      if (slices.isEmpty() || slices.getLast().onHost() != onHost) {
        slices.add(new Slice(i, i + 1, onHost));
      } else {
        slices.add(new Slice(slices.removeLast().from(), i + 1, onHost));
      }
    }
    return slices;
  }
}
