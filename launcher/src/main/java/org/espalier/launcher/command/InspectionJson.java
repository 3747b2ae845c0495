package org.espalier.launcher.command;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.format.MetadataValue;
import org.espalier.runtime.inspection.Inspection;
import org.espalier.runtime.inspection.Reading;
import org.espalier.runtime.inspection.StoredTensor;
import org.espalier.runtime.inspection.TensorCheck;
import org.espalier.runtime.inspection.Total;

/** An inspection as programs read it: maps and lists for a JSON writer. */
final class InspectionJson {
  /** Longer arrays, such as vocabularies, are given by their length and their beginning. */
  private static final int MOST_ELEMENTS = 16;

  private InspectionJson() {}

  static Map<String, Object> of(Inspection inspection, Optional<List<TensorCheck>> checks) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("path", inspection.path().toString());
    json.put("format", inspection.format());
    json.put("size", inspection.size());
    Map<String, Object> metadata = new LinkedHashMap<>();
    inspection.metadata().entries().forEach((key, value) -> metadata.put(key, value(value)));
    json.put("metadata", metadata);
    json.put("tensors", inspection.tensors().stream().map(InspectionJson::tensor).toList());
    json.put("types", totals(inspection.types()));
    json.put("reading", reading(inspection.reading()));
    checks.ifPresent(all -> json.put("checks", all.stream().map(InspectionJson::check).toList()));
    return json;
  }

  private static Map<String, Object> value(MetadataValue value) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("type", MetadataView.type(value));
    List<Object> elements = MetadataView.elements(value);
    if (!MetadataView.isArray(value)) {
      json.put("value", elements.getFirst());
    } else if (elements.size() <= MOST_ELEMENTS) {
      json.put("values", elements);
    } else {
      json.put("count", elements.size());
      json.put("first", elements.subList(0, MOST_ELEMENTS));
    }
    return json;
  }

  private static Map<String, Object> tensor(StoredTensor tensor) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", tensor.name());
    json.put("type", tensor.type());
    json.put("shape", tensor.shape());
    json.put("bytes", tensor.bytes());
    json.put("bits_per_element", tensor.bitsPerElement());
    tensor.codec().ifPresent(codec -> json.put("codec", codec));
    return json;
  }

  private static List<Map<String, Object>> totals(List<Total> totals) {
    return totals.stream()
        .map(total -> {
          Map<String, Object> json = new LinkedHashMap<>();
          json.put("name", total.name());
          json.put("count", total.count());
          json.put("elements", total.elements());
          json.put("bytes", total.bytes());
          json.put("bits_per_element", total.bitsPerElement());
          return json;
        })
        .toList();
  }

  private static Map<String, Object> reading(Reading reading) {
    Map<String, Object> json = new LinkedHashMap<>();
    reading.architecture().ifPresent(name -> json.put("architecture", name));
    json.put("stages", reading.stages());
    json.put("width", reading.width());
    json.put("vocabulary", reading.vocabulary());
    json.put("context_length", reading.contextLength());
    json.put("codecs", totals(reading.operators()));
    json.put("tokens", reading.tokens());
    json.put("left_open", reading.repairs());
    json.put("obstacles", reading.obstacles());
    return json;
  }

  private static Map<String, Object> check(TensorCheck check) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", check.name());
    json.put("decoded_by", check.decodedBy());
    json.put("values", check.values());
    json.put("smallest", check.smallest());
    json.put("largest", check.largest());
    json.put("root_mean_square", check.rootMeanSquare());
    json.put("problems", check.problems());
    json.put("remarks", check.remarks());
    return json;
  }
}
