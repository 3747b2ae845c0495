package org.espalier.launcher.architecture;

import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What others see of a type, as text: its kind, type parameters, supertypes and permitted subtypes,
 * and its public and protected members without what every record or enum has.
 */
record Declaration(Class<?> type) {
  private static final Set<String> OF_EVERY_RECORD = Set.of("equals", "hashCode", "toString");
  private static final Set<String> OF_EVERY_ENUM = Set.of("values", "valueOf");

  /** The name, and a line for each thing to say; empty where nobody sees the type. */
  String text() {
    if (!isVisible(type)) {
      return "";
    }
    Set<String> members = new TreeSet<>();
    List<String> constants = new ArrayList<>();
    for (Field field : type.getDeclaredFields()) {
      if (field.isEnumConstant()) {
        constants.add("constant " + field.getName());
      } else if (isSeen(field)) {
        members.add(modifiers(field) + name(field.getGenericType()) + " " + field.getName());
      }
    }
    for (Constructor<?> constructor : type.getDeclaredConstructors()) {
      if (isSeen(constructor) && !isCanonical(constructor)) {
        members.add(modifiers(constructor) + "constructor" + parameters(constructor));
      }
    }
    for (Method method : type.getDeclaredMethods()) {
      if (isSeen(method) && !isImplied(method)) {
        members.add(method(method));
      }
    }
    return Stream.of(List.of(head()), constants, members)
        .flatMap(lines -> lines.stream())
        .map(line -> "  " + line + "\n")
        .collect(Collectors.joining("", type.getCanonicalName() + "\n", ""));
  }

  private static boolean isVisible(Class<?> type) {
    boolean seen =
        Modifier.isPublic(type.getModifiers()) || Modifier.isProtected(type.getModifiers());
    Class<?> outer = type.getDeclaringClass();
    return seen && type.getCanonicalName() != null && (outer == null || isVisible(outer));
  }

  private static boolean isSeen(Member member) {
    int modifiers = member.getModifiers();
    return !member.isSynthetic()
        && (Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers));
  }

  private boolean isCanonical(Constructor<?> constructor) {
    return type.isRecord()
        && Arrays.equals(
            constructor.getParameterTypes(),
            Stream.of(type.getRecordComponents())
                .map(RecordComponent::getType)
                .toArray(Class<?>[]::new));
  }

  private boolean isImplied(Method method) {
    if (type.isRecord()) {
      return OF_EVERY_RECORD.contains(method.getName())
          || Stream.of(type.getRecordComponents())
              .map(RecordComponent::getAccessor)
              .anyMatch(method::equals);
    }
    return type.isEnum() && OF_EVERY_ENUM.contains(method.getName());
  }

  private String head() {
    StringBuilder head = new StringBuilder();
    int modifiers = type.getModifiers();
    head.append(Modifier.isPublic(modifiers) ? "public " : "protected ");
    if (type.isSealed()) {
      head.append("sealed ");
    } else if (Stream.concat(
            Stream.ofNullable(type.getSuperclass()), Stream.of(type.getInterfaces()))
        .anyMatch(Class::isSealed)) {
      head.append(Modifier.isFinal(modifiers) ? "" : "non-sealed ");
    }
    boolean plain = !type.isInterface() && !type.isRecord() && !type.isEnum();
    head.append(plain && Modifier.isAbstract(modifiers) ? "abstract " : "");
    head.append(plain && Modifier.isFinal(modifiers) ? "final " : "");
    head.append(
        type.isAnnotation()
            ? "@interface "
            : type.isInterface()
                ? "interface "
                : type.isRecord() ? "record " : type.isEnum() ? "enum " : "class ");
    head.append(type.getSimpleName()).append(variables(type.getTypeParameters()));
    if (type.isRecord()) {
      head.append(
          Stream.of(type.getRecordComponents())
              .map(part -> name(part.getGenericType()) + " " + part.getName())
              .collect(Collectors.joining(", ", "(", ")")));
    }
    if (plain && type.getSuperclass() != Object.class) {
      head.append(" extends ").append(name(type.getGenericSuperclass()));
    }
    list(head, type.isInterface() ? " extends " : " implements ", type.getGenericInterfaces());
    if (type.isSealed()) {
      list(head, " permits ", type.getPermittedSubclasses());
    }
    return head.toString();
  }

  private static void list(StringBuilder head, String word, Type... types) {
    if (types.length > 0) {
      head.append(word).append(names(types));
    }
  }

  private String method(Method method) {
    String variables = variables(method.getTypeParameters());
    String failures =
        method.getExceptionTypes().length == 0
            ? ""
            : " throws " + names(method.getGenericExceptionTypes());
    return modifiers(method)
        + (method.isDefault() ? "default " : "")
        + (variables.isEmpty() ? "" : variables + " ")
        + name(method.getGenericReturnType())
        + " "
        + method.getName()
        + parameters(method)
        + failures;
  }

  /** In interfaces, everything is public, and abstract where nothing else is said. */
  private String modifiers(Member member) {
    int hidden = Modifier.TRANSIENT | Modifier.VOLATILE | Modifier.SYNCHRONIZED | Modifier.NATIVE;
    if (type.isInterface()) {
      hidden |= Modifier.PUBLIC | Modifier.ABSTRACT;
    }
    String text = Modifier.toString(member.getModifiers() & ~hidden);
    return text.isEmpty() ? "" : text + " ";
  }

  private static String parameters(Executable executable) {
    List<String> names =
        Stream.of(executable.getGenericParameterTypes())
            .map(Declaration::name)
            .collect(Collectors.toCollection(ArrayList::new));
    if (executable.isVarArgs()) {
      names.add(names.removeLast().replaceFirst("\\[]$", "..."));
    }
    return "(" + String.join(", ", names) + ")";
  }

  private static String variables(TypeVariable<?>[] variables) {
    return variables.length == 0
        ? ""
        : Stream.of(variables)
            .map(variable ->
                variable.getBounds()[0] == Object.class
                    ? variable.getName()
                    : variable.getName() + " extends " + names(variable.getBounds()))
            .collect(Collectors.joining(", ", "<", ">"));
  }

  private static String names(Type... types) {
    return Stream.of(types).map(Declaration::name).collect(Collectors.joining(", "));
  }

  /** Without packages: two types of one simple name would be a fault of their own. */
  private static String name(Type type) {
    return type.getTypeName()
        .replaceAll("[a-z][a-z0-9]*\\.(?=[a-zA-Z])", "")
        .replaceAll("[A-Za-z]+\\$", "");
  }
}
