package org.espalier.backend.cuda.stage;

import java.util.stream.LongStream;
import org.espalier.api.Offer;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.Rotation;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.backend.cuda.driver.GpuInfo;

/** What the kernels ask of a plan. */
public final class PlanLimits {
  private static final int MOST_HEADS = 65_535;

  private PlanLimits() {}

  /** Whether the kernels can run a plan on a GPU, apart from memory. */
  public static Offer<ModelPlan> check(ModelPlan plan, GpuInfo info) {
    for (Stage stage : plan.stages()) {
      String problem = problem(stage, plan, info);
      if (!problem.isEmpty()) {
        return Offer.declined(problem);
      }
    }
    return Offer.accepted(plan);
  }

  private static String problem(Stage stage, ModelPlan plan, GpuInfo info) {
    return switch (stage) {
      case Stage.Embedding(EncodedLinear table) ->
          EmbeddingTable.check(table) instanceof Offer.Declined<EncodedLinear>(String reason)
              ? reason
              : "";
      case Stage.Attention a -> {
        int width = Math.max(a.query().shape().outputs(), plan.width());
        if (a.heads() > MOST_HEADS) {
          yield "%d heads are more than a launch takes".formatted(a.heads());
        }
        yield rows(
            "attention",
            Math.max(Launches.rowBytes(width), AttentionStage.blockBytes(a.headDimension())),
            info);
      }
      case Stage.MixtureOfExperts m ->
          rows(
              "experts",
              Math.max(
                  Launches.rowBytes(plan.width()),
                  2 * Launches.rowBytes(m.gate().shape().outputs())),
              info);
      case Stage.Head h -> {
        boolean isRotated =
            h.output().form() instanceof LinearForm.Tiled tiled
                && !(tiled.output() instanceof Rotation.Identity);
        int width = isRotated ? Math.max(plan.vocabulary(), plan.width()) : plan.width();
        yield rows("the head", Launches.rowBytes(width), info);
      }
    };
  }

  private static String rows(String where, int bytes, GpuInfo info) {
    return bytes <= info.sharedBytes() - GpuInfo.STATIC_SHARED_BYTES
        ? ""
        : "the rows of %s need %,d bytes of shared memory and the GPU has %,d"
            .formatted(where, bytes, info.sharedBytes());
  }

  /** Bytes of the norms and other small things of a stage on the device. */
  public static long normBytes(Stage stage) {
    LongStream norms =
        switch (stage) {
          case Stage.Embedding _ -> LongStream.empty();
          case Stage.Attention a ->
              LongStream.of(
                  a.norm().weight().byteSize(),
                  a.queryNorm().map(n -> n.weight().byteSize()).orElse(0L),
                  a.keyNorm().map(n -> n.weight().byteSize()).orElse(0L),
                  8L * a.rope().dimensions());
          case Stage.MixtureOfExperts m -> LongStream.of(m.norm().weight().byteSize());
          case Stage.Head h -> LongStream.of(h.norm().weight().byteSize(), 512 * 12);
        };
    return norms.map(bytes -> bytes + 256).sum();
  }
}
