package org.espalier.runtime.quantisation.pipeline;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.calibration.SavedHessians;

/**
 * Where Hessians come from: tokens, or a folder of saved ones, or both.
 *
 * @param description of model and calibration, by names; what it says decides what belongs together
 * @param tokens empty when all Hessians are saved
 * @param saved folder to read from or to fill
 */
record CalibrationSource(
    Map<String, String> description,
    Optional<CalibrationTokens> tokens,
    Optional<SavedHessians> saved) {

  static CalibrationSource of(
      String model,
      Optional<CalibrationTokens> tokens,
      Optional<SavedHessians> saved,
      int layers,
      Recipe recipe) {
    if (saved.isPresent() && recipe.quantizedInputs()) {
      throw new InvalidRequest(
          "saved Hessians are those of the original layers: use them with --inputs original");
    }
    Map<String, String> description = new LinkedHashMap<>();
    if (tokens.isPresent()) {
      description.put("model", model);
      description.put("tokens", tokens.get().sha256());
      description.put("data", tokens.get().dataSha256());
      description.put("sequences", Integer.toString(tokens.get().sequences().size()));
      description.put("length", Integer.toString(tokens.get().length()));
      description.putAll(recipe.ofHessians());
      saved.ifPresent(folder -> folder.describe(description));
      return new CalibrationSource(description, tokens, saved);
    }
    SavedHessians folder =
        saved.orElseThrow(
            () -> new InvalidRequest("neither tokens nor saved Hessians to calibrate with"));
    description.putAll(
        folder
            .description()
            .orElseThrow(() ->
                new InvalidRequest(
                    "%s holds no Hessians: give --calibration, too".formatted(folder.folder()))));
    if (!model.equals(description.get("model"))) {
      throw new InvalidRequest(
          "the Hessians in %s are of another model".formatted(folder.folder()));
    }
    boolean predictions = description.containsKey("objective");
    if (predictions != recipe.predictions()) {
      throw new InvalidRequest(
          "the Hessians in %s were made with --objective %s"
              .formatted(folder.folder(), predictions ? "predictions" : "outputs"));
    }
    boolean gated = description.containsKey("gates");
    if (gated != recipe.gated()) {
      throw new InvalidRequest(
          "the Hessians in %s were made with --weighting %s"
              .formatted(folder.folder(), gated ? "gates" : "none"));
    }
    for (int layer = 0; layer < layers; layer++) {
      if (!folder.has(layer)) {
        throw new InvalidRequest(
            "%s lacks the Hessians of layer %d: give --calibration, too"
                .formatted(folder.folder(), layer));
      }
    }
    return new CalibrationSource(description, tokens, saved);
  }
}
