package org.espalier.runtime.loading;

import java.util.List;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelContent;
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
    throw new Unsupported(none(artifact, architectures, refusals));
  }

  private static String none(
      ModelArtifact artifact, List<Architecture> architectures, Refusals refusals) {
    String named =
        artifact
            .metadata()
            .text(KEY)
            .map(name -> "is of the architecture '" + name + "'")
            .orElse("does not name its architecture (" + KEY + ")");
    String known = architectures.stream().map(Architecture::id).collect(Collectors.joining(", "));
    return "%s %s, and known here are: %s (%s)"
        .formatted(
            artifact.path(),
            named,
            known.isEmpty() ? "none" : known,
            refusals.or("no architecture is installed"));
  }

  /**
   * How a plan is written to a file, from the first architecture that accepts it.
   *
   * @throws Unsupported when none does, with all reasons
   */
  public static ModelContent content(ModelPlan plan, List<Architecture> architectures) {
    Refusals refusals = new Refusals();
    for (Architecture architecture : architectures) {
      switch (architecture.content(plan)) {
        case Offer.Accepted<ModelContent>(ModelContent content) -> {
          return content;
        }
        case Offer.Declined<ModelContent>(String reason) -> refusals.add(architecture.id(), reason);
      }
    }
    throw new Unsupported(
        "models of the architecture '%s' cannot be written (%s)"
            .formatted(plan.architecture(), refusals.or("no architecture is installed")));
  }
}
