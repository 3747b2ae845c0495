package org.espalier.runtime.loading;

import java.util.List;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;

/** Asks architectures for the plan of a file. */
public final class Architectures {
  private static final String KEY = "general.architecture";

  private Architectures() {}

  /**
   * The plan of the first architecture that accepts the artifact.
   *
   * @throws Unsupported when none does: names the file's architecture and those that are known
   */
  public static ModelPlan plan(
      ModelArtifact artifact, List<Architecture> architectures, Binder binder) {
    Refusals refusals = new Refusals();
    for (Architecture architecture : architectures) {
      switch (architecture.plan(artifact, binder)) {
        case Offer.Accepted<ModelPlan>(ModelPlan plan) -> {
          return plan;
        }
        case Offer.Declined<ModelPlan>(String reason) -> refusals.add(architecture.id(), reason);
      }
    }
    String named =
        artifact
            .metadata()
            .text(KEY)
            .map(name -> "is of the architecture '" + name + "'")
            .orElse("does not name its architecture (" + KEY + ")");
    String known = architectures.stream().map(Architecture::id).collect(Collectors.joining(", "));
    throw new Unsupported(
        "%s %s, and known here are: %s (%s)"
            .formatted(
                artifact.path(),
                named,
                known.isEmpty() ? "none" : known,
                refusals.or("no architecture is installed")));
  }
}
