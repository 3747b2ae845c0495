package org.espalier.launcher.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import org.jspecify.annotations.NullMarked;

/** Whether the package-info beside a class says {@code @NullMarked}. */
final class LieInANullMarkedPackage extends ArchCondition<JavaClass> {
  LieInANullMarkedPackage() {
    super("lie in a package that is @NullMarked");
  }

  @Override
  public void check(JavaClass type, ConditionEvents events) {
    boolean isModule = type.getSimpleName().equals("module-info");
    boolean marked = isModule || type.getPackage().isAnnotatedWith(NullMarked.class);
    events.add(
        new SimpleConditionEvent(
            type,
            marked,
            type.getName() + " lies in " + type.getPackageName() + ", which is not @NullMarked"));
  }
}
