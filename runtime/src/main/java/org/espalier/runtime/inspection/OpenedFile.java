package org.espalier.runtime.inspection;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.runtime.Providers;
import org.espalier.runtime.loading.Architectures;
import org.espalier.runtime.loading.Formats;
import org.espalier.runtime.loading.TensorBinder;

/**
 * A file and, where that is possible, its plan. A file that cannot be run is still one to look at.
 *
 * @param plan empty where none could be drawn up
 * @param obstacle why; empty where there is a plan
 * @param linears by the stem of their tensors' names, as far as the plan got
 */
record OpenedFile(
    ModelArtifact artifact,
    Optional<ModelPlan> plan,
    Optional<String> obstacle,
    Map<String, EncodedLinear> linears)
    implements AutoCloseable {

  static OpenedFile open(Path path, Providers providers) {
    ModelArtifact artifact = Formats.open(path, providers.formats());
    boolean opened = false;
    try {
      OpenedFile file = plan(artifact, providers);
      opened = true;
      return file;
    } finally {
      if (!opened) {
        artifact.close();
      }
    }
  }

  private static OpenedFile plan(ModelArtifact artifact, Providers providers) {
    NotingBinder binder = new NotingBinder(new TensorBinder(artifact, providers.codecs()));
    try {
      ModelPlan plan = Architectures.plan(artifact, providers.architectures(), binder);
      return new OpenedFile(artifact, Optional.of(plan), Optional.empty(), binder.bound());
    } catch (EspalierException e) {
      String reason = String.valueOf(e.getMessage());
      return new OpenedFile(artifact, Optional.empty(), Optional.of(reason), binder.bound());
    }
  }

  /** The linear that a tensor is a part of, by the tensor's name. */
  Map<String, EncodedLinear> linearOfTensor() {
    Map<String, EncodedLinear> linearOf = new LinkedHashMap<>();
    for (String name : artifact.tensors().keySet()) {
      for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
        EncodedLinear linear = linears.get(name.substring(0, dot));
        if (linear != null) {
          linearOf.put(name, linear);
        }
      }
    }
    return linearOf;
  }

  @Override
  public void close() {
    artifact.close();
  }
}
