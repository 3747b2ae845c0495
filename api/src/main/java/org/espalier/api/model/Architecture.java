package org.espalier.api.model;

import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;

/** A service: one family of models, from named tensors to a plan. */
public interface Architecture {

  /** Its name, lower case: {@code "olmoe"}. Two of one name on the module path are an error. */
  String id();

  /**
   * Draws up the plan of a model.
   *
   * @param binder binds linear operators to codecs
   * @return declined when the artifact is of another architecture
   * @throws org.espalier.api.EspalierException.MalformedModel when metadata or tensors are missing
   *     or contradict each other
   * @throws org.espalier.api.EspalierException.Unsupported when the file asks for something that
   *     this architecture cannot honour
   */
  Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder);

  /**
   * How a model is written to a file: the other way round from {@link #plan}, whatever kind of file
   * the plan came from.
   *
   * @param plan of a whole model
   * @return declined when the plan is not of this architecture, and by architectures that only read
   */
  default Offer<ModelContent> content(ModelPlan plan) {
    return Offer.declined("the architecture " + id() + " only reads");
  }
}
