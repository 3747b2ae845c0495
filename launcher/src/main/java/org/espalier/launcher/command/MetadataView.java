package org.espalier.launcher.command;

import java.util.List;
import java.util.Locale;
import org.espalier.api.format.MetadataValue;

/** Metadata values by type and elements, for display. */
final class MetadataView {
  private MetadataView() {}

  /** The type of a value or of its elements, as files call it. */
  static String type(MetadataValue value) {
    return switch (value) {
      case MetadataValue.Text _ -> "text";
      case MetadataValue.Whole whole -> lower(whole.type());
      case MetadataValue.Real real -> lower(real.type());
      case MetadataValue.Flag _ -> "flag";
      case MetadataValue.Texts _ -> "texts";
      case MetadataValue.Wholes wholes -> lower(wholes.type()) + "s";
      case MetadataValue.Reals reals -> lower(reals.type()) + "s";
      case MetadataValue.Flags _ -> "flags";
      case MetadataValue.Nested _ -> "arrays";
    };
  }

  private static String lower(Enum<?> type) {
    return type.name().toLowerCase(Locale.ROOT);
  }

  static boolean isArray(MetadataValue value) {
    return switch (value) {
      case MetadataValue.Text _,
          MetadataValue.Whole _,
          MetadataValue.Real _,
          MetadataValue.Flag _ ->
          false;
      case MetadataValue.Texts _,
          MetadataValue.Wholes _,
          MetadataValue.Reals _,
          MetadataValue.Flags _,
          MetadataValue.Nested _ ->
          true;
    };
  }

  /** The elements of an array, or the one value: texts, numbers, truth values or lists. */
  static List<Object> elements(MetadataValue value) {
    return switch (value) {
      case MetadataValue.Text(String text) -> List.of(text);
      case MetadataValue.Whole whole -> List.of(whole.value());
      case MetadataValue.Real real -> List.of(real(real.type(), real.value()));
      case MetadataValue.Flag(boolean flag) -> List.of(flag);
      case MetadataValue.Texts(List<String> texts) -> List.copyOf(texts);
      case MetadataValue.Wholes wholes -> List.copyOf(wholes.values());
      case MetadataValue.Reals reals ->
          reals.values().stream().map(number -> real(reals.type(), number)).toList();
      case MetadataValue.Flags(List<Boolean> flags) -> List.copyOf(flags);
      case MetadataValue.Nested(List<MetadataValue> values) ->
          values.stream().<Object>map(MetadataView::elements).toList();
    };
  }

  /** A FLOAT32 with the digits that it has; JSON has no other than finite numbers. */
  private static Object real(MetadataValue.RealType type, double number) {
    if (!Double.isFinite(number)) {
      return String.valueOf(number);
    }
    return switch (type) {
      case FLOAT32 -> (float) number;
      case FLOAT64 -> number;
    };
  }
}
