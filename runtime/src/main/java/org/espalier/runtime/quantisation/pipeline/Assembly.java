package org.espalier.runtime.quantisation.pipeline;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.codec.Codec;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelFormat;
import org.espalier.runtime.Providers;

/**
 * Makes the file of finished results.
 *
 * @param description of the work, as its folder records it
 */
record Assembly(
    ModelSource source,
    Codec codec,
    QuantizationOptions options,
    Map<String, String> description,
    Results results,
    QuantizationListener listener) {

  /** Writes the file and reads it back. */
  void write(Path target, ModelFormat format, Providers providers, List<MatrixReport> reports) {
    Metadata original = source.artifact().metadata();
    int vocabulary =
        options.compatible()
            ? original
                .texts("tokenizer.ggml.tokens")
                .map(tokens -> Math.min(tokens.size(), source.plan().vocabulary()))
                .orElse(source.plan().vocabulary())
            : source.plan().vocabulary();
    ModelFile file = new ModelFile(source, codec, results, options, vocabulary, listener);
    Metadata metadata =
        options.compatible()
            ? FileMetadata.published(original, source.content(), options, vocabulary)
            : FileMetadata.complete(original, source.content(), options, provenance(reports));
    file.write(target, format, metadata);
    file.verify(target, providers);
  }

  private Map<String, MetadataValue> provenance(List<MatrixReport> reports) {
    Map<String, MetadataValue> values = new LinkedHashMap<>();
    values.put("codec", FileMetadata.text(codec.id().value()));
    values.put("layout", FileMetadata.whole(source.operators(codec).getFirst().packing().layout()));
    values.put("search", text("search"));
    values.put("seed", FileMetadata.wholeSigned(options.seed()));
    values.put("hessian", FileMetadata.text(Named.of(options.policy())));
    values.put("damping", FileMetadata.real(options.damping()));
    values.put("refinements", FileMetadata.whole(options.refinements()));
    values.put("calibration.data_sha256", text("data"));
    values.put("calibration.tokens_sha256", text("tokens"));
    values.put("calibration.sequences", number("sequences"));
    values.put("calibration.length", number("length"));
    Map<String, List<Double>> losses = new LinkedHashMap<>();
    reports.forEach(report ->
        losses.computeIfAbsent(report.tensor(), _ -> new ArrayList<>()).add(report.proxyLoss()));
    losses.forEach((tensor, list) -> values.put("proxy_loss." + tensor, FileMetadata.reals(list)));
    return values;
  }

  private MetadataValue text(String name) {
    return FileMetadata.text(description.getOrDefault(name, ""));
  }

  /** A number, as whoever saved it wrote it; 0 when it is none. */
  private MetadataValue number(String name) {
    String value = description.getOrDefault(name, "");
    return FileMetadata.whole(value.matches("[0-9]{1,18}") ? Long.parseLong(value) : 0);
  }
}
