package org.espalier.launcher.command;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.espalier.api.format.MetadataValue;
import org.espalier.launcher.console.Shown;
import org.espalier.launcher.console.Table;
import org.espalier.runtime.inspection.Inspection;
import org.espalier.runtime.inspection.Reading;
import org.espalier.runtime.inspection.StoredTensor;
import org.espalier.runtime.inspection.TensorCheck;
import org.espalier.runtime.inspection.Total;

/** An inspection as people read it. */
final class InspectionText {
  private static final int LONGEST_TEXT = 60;
  private static final int MOST_ELEMENTS = 6;

  private final Inspection inspection;
  private final Optional<List<TensorCheck>> checks;
  private final StringBuilder text = new StringBuilder();

  InspectionText(Inspection inspection, Optional<List<TensorCheck>> checks) {
    this.inspection = inspection;
    this.checks = checks;
  }

  String text() {
    text.append(Shown.text(inspection.path().toString()))
        .append(": ")
        .append(inspection.format())
        .append(", ")
        .append(Shown.count(inspection.size()))
        .append(" bytes\n");
    metadata();
    tensors();
    types();
    checks.ifPresent(this::checks);
    reading(inspection.reading());
    return text.toString();
  }

  private void heading(String title, long count) {
    text.append('\n').append(title).append(" (").append(Shown.count(count)).append(")\n");
  }

  private void metadata() {
    heading("Metadata", inspection.metadata().entries().size());
    Table table = new Table("lll");
    inspection
        .metadata()
        .entries()
        .forEach(
            (key, value) -> table.row(Shown.text(key), MetadataView.type(value), shown(value)));
    text.append(table.text());
  }

  private static String shown(MetadataValue value) {
    return switch (value) {
      case MetadataValue.Text(String single) -> Shown.text(single, LONGEST_TEXT);
      default -> {
        List<Object> elements = MetadataView.elements(value);
        String first =
            elements.stream()
                .limit(MOST_ELEMENTS)
                .map(element -> Shown.text(String.valueOf(element), LONGEST_TEXT / 2))
                .collect(Collectors.joining(", "));
        yield MetadataView.isArray(value)
            ? "%s: %s%s"
                .formatted(
                    Shown.count(elements.size()),
                    first,
                    elements.size() > MOST_ELEMENTS ? ", …" : "")
            : first;
      }
    };
  }

  private void tensors() {
    heading("Tensors", inspection.tensors().size());
    Table table = new Table("lllrrl");
    for (StoredTensor tensor : inspection.tensors()) {
      table.row(
          Shown.text(tensor.name()),
          tensor.type(),
          tensor.shape().stream().map(String::valueOf).collect(Collectors.joining(" x ")),
          Shown.count(tensor.bytes(), "byte"),
          Shown.bits(tensor.bitsPerElement()) + " bits each",
          tensor.codec().map(codec -> "read as " + codec).orElse(""));
    }
    text.append(table.text());
  }

  private void types() {
    heading("Types", inspection.types().size());
    Table table = new Table("lrrrr");
    for (Total total : inspection.types()) {
      table.row(
          total.name(),
          Shown.count(total.count(), "tensor"),
          Shown.count(total.elements(), "element"),
          Shown.count(total.bytes(), "byte"),
          Shown.bits(total.bitsPerElement()) + " bits each");
    }
    text.append(table.text());
  }

  private void checks(List<TensorCheck> all) {
    heading("Numbers", all.stream().mapToLong(TensorCheck::values).sum());
    Table table = new Table("llrrr");
    for (TensorCheck check : all) {
      if (check.values() == 0) {
        table.row(Shown.text(check.name()), check.decodedBy(), "", "not checked", "");
        continue;
      }
      table.row(
          Shown.text(check.name()),
          check.decodedBy(),
          "from " + Shown.number(check.smallest()),
          "to " + Shown.number(check.largest()),
          "rms " + Shown.number(check.rootMeanSquare()));
    }
    text.append(table.text());
    long problems = 0;
    for (TensorCheck check : all) {
      problems += check.problems().size();
      for (String problem : check.problems()) {
        text.append("  problem: ").append(Shown.text(check.name())).append(": ").append(problem);
        text.append('\n');
      }
      for (String remark : check.remarks()) {
        text.append("  remark: ").append(Shown.text(check.name())).append(": ").append(remark);
        text.append('\n');
      }
    }
    text.append(problems == 0 ? "  no problem was found\n" : "");
  }

  private void reading(Reading reading) {
    text.append("\nReading\n");
    reading
        .architecture()
        .ifPresent(name ->
            text.append(
                "  architecture %s: %s, %d values wide, vocabulary of %d, context of %d\n"
                    .formatted(
                        name,
                        Shown.count(reading.stages(), "stage"),
                        reading.width(),
                        reading.vocabulary(),
                        reading.contextLength())));
    for (Total total : reading.operators()) {
      text.append(
          "  codec %s: %s, %s, %s bits each with all that belongs to them\n"
              .formatted(
                  total.name(),
                  Shown.count(total.count(), "linear operator"),
                  Shown.count(total.elements(), "weight"),
                  Shown.bits(total.bitsPerElement())));
    }
    if (reading.tokens() > 0) {
      text.append("  tokenizer: %s\n".formatted(Shown.count(reading.tokens(), "token")));
    }
    for (String repair : reading.repairs()) {
      text.append("  left open: ").append(Shown.text(repair)).append('\n');
    }
    for (String obstacle : reading.obstacles()) {
      text.append("  cannot be run: ").append(Shown.text(obstacle)).append('\n');
    }
    if (!reading.repairs().isEmpty() && reading.tokens() > 0) {
      text.append("  'espalier repair' writes a copy in which nothing is left open\n");
    }
  }
}
