package org.espalier.backend.offload;

import java.util.List;
import java.util.Random;
import org.espalier.api.Offer;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.offload.placement.DevicePlan;
import org.espalier.backend.offload.placement.FarExperts;
import org.espalier.backend.offload.placement.LinkCosts;
import org.espalier.backend.offload.placement.Settings;
import org.espalier.backend.offload.placement.UseCounts;

/** Of how many layers the host computes the experts: as many as it was told, or as few as pay. */
final class HostLayers {
  /** Measuring ends when so long nothing was faster: by then kernels have been compiled. */
  private static final long STEADY_NANOS = 500_000_000;

  private static final long MOST_NANOS = 4_000_000_000L;
  private static final int LEAST_PASSES = 8;

  private final Settings settings;
  private final Backend host;
  private final Backend device;

  HostLayers(Settings settings, Backend host, Backend device) {
    this.settings = settings;
    this.host = host;
    this.device = device;
  }

  /**
   * What was decided.
   *
   * @param before layers before this one are the host's
   * @param why in words; empty where the user has decided
   */
  record Choice(int before, String why) {}

  /** Decides for a plan; measures, where it must. */
  Choice choose(ModelPlan plan, Precision precision, UseCounts counts) {
    if (settings.cpuLayers().isPresent()) {
      return new Choice(settings.cpuLayers().getAsInt(), "");
    }
    List<Stage.MixtureOfExperts> layers =
        plan.stages().stream()
            .filter(Stage.MixtureOfExperts.class::isInstance)
            .map(Stage.MixtureOfExperts.class::cast)
            .toList();
    if (layers.isEmpty() || settings.deviceMemory().isEmpty()) {
      return new Choice(0, "");
    }
    long room = settings.deviceMemory().getAsLong();
    LinkCosts.NearShare share =
        from -> DevicePlan.of(layers.subList(from, layers.size()), counts, room).nearShare();
    if (share.from(0) >= 1) {
      return new Choice(0, "");
    }
    return switch (settings.far()) {
      case READ, COPY -> new Choice(0, "");
      case CPU -> {
        int first = 0;
        while (first < layers.size() && share.from(first) < 1) {
          first++;
        }
        yield new Choice(before(layers, first), FarExperts.CPU + " was asked for");
      }
      case AUTO -> cheapest(plan, precision, layers, share);
    };
  }

  private static int before(List<Stage.MixtureOfExperts> layers, int count) {
    return count == 0 ? 0 : layers.get(count - 1).layer() + 1;
  }

  private Choice cheapest(
      ModelPlan plan,
      Precision precision,
      List<Stage.MixtureOfExperts> layers,
      LinkCosts.NearShare share) {
    double link =
        settings
            .linkBytesPerSecond()
            .orElseGet(() -> device.accelerator().map(Accelerator::hostBandwidth).orElse(0.0));
    if (link <= 0) {
      return new Choice(0, "");
    }
    Stage.MixtureOfExperts first = layers.getFirst();
    double seconds =
        settings.cpuSecondsPerExpert().orElseGet(() -> measured(plan, first, precision));
    LinkCosts costs =
        new LinkCosts(DevicePlan.expertBytes(first), link, seconds, LinkCosts.HOP_SECONDS);
    int count = costs.layersForCpu(layers.size(), first.used(), share);
    return new Choice(
        before(layers, count),
        "%s; experts take %.2f ms of a token so, and %.2f ms without the CPU"
            .formatted(
                costs.figures(),
                1e3 * costs.token(layers.size(), first.used(), count, share),
                1e3 * costs.token(layers.size(), first.used(), 0, share)));
  }

  /** Seconds of the host for one expert and row: of the best of many passes through a layer. */
  private double measured(ModelPlan plan, Stage.MixtureOfExperts layer, Precision precision) {
    int index = plan.stages().indexOf(layer);
    Offer<Executable> offer =
        host.compile(plan.slice(index, index + 1), CompileOptions.of(precision, 1));
    if (!(offer instanceof Offer.Accepted<Executable>(Executable executable))) {
      return Double.POSITIVE_INFINITY;
    }
    long best = Long.MAX_VALUE;
    try (executable;
        Session session = executable.open(new SessionOptions(1, ElementType.F32))) {
      Random random = new Random(1);
      long start = System.nanoTime();
      long improved = start;
      for (int i = 0; i < LEAST_PASSES || isUndecided(start, improved); i++) {
        float[] row = new float[plan.width()];
        for (int c = 0; c < row.length; c++) {
          row[c] = (float) random.nextGaussian();
        }
        long before = System.nanoTime();
        session.forward(new HostRows(row, 0, 1, row.length), 1);
        long taken = System.nanoTime() - before;
        if (taken < best) {
          improved = taken < best - best / 16 ? System.nanoTime() : improved;
          best = taken;
        }
        session.truncate(0);
      }
    }
    return best / 1e9 / layer.used();
  }

  private static boolean isUndecided(long start, long improved) {
    long now = System.nanoTime();
    return now - improved < STEADY_NANOS && now - start < MOST_NANOS;
  }
}
