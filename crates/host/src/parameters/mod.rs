//! What modules take: one declaration of [`parameters!`](crate::parameters!) makes the struct that a module reads, the
//! table that arguments are checked against, and the documentation that is made of both.
//!
//! [`ModuleParameters::read`] is the only way from a playbook's words to such a struct. It checks in Ansible's order and
//! with Ansible's words, since people search for them; a module cannot name a parameter that it did not declare.

mod check;
mod spec;
mod types;

use crate::change::outcome::Failure;
pub use check::Checked;
pub use spec::{CheckMode, Param, ParameterKind, Spec, short_name};
pub use types::{Choice, GivenSecret, HostPath, ParameterType, Presence};
use words::value::Map;

/// A group of parameters: those of a module, or some that several modules share.
pub trait Parameters: Sized {
    /// Their rows of the table, in the order in which they are documented.
    const PARAMS: &'static [Param];

    /// Fills the struct from arguments that were checked; `None` when a type does not fit its own kind or choices.
    /// [`parameters!`](crate::parameters!) writes it.
    fn take(checked: &mut Checked) -> Option<Self>;
}

/// All parameters of one module.
pub trait ModuleParameters: Parameters {
    /// The module's name, table and rules.
    const SPEC: &'static Spec;

    /// Reads what a playbook gives. Refuses, in this order: names that are no parameters, values that are not of their
    /// kind or choice, what is missing, what excludes each other, and groups of which nothing is given.
    fn read(given: &Map) -> Result<Self, Failure> {
        let mut checked = Checked::new(Self::SPEC, given)?;
        Self::take(&mut checked).ok_or_else(|| checked.misfit())
    }
}

/// Declares parameters.
///
/// A field's type says what it holds ([`ParameterType`]) and whether it must be given: a plain type must, an `Option`
/// need not, and `= "text"` is what is read when it is not given. The comment on a field is its documentation, the one
/// on the struct the module's summary. Other names stand behind the first, with `|`. `..name: Type` takes a group along
/// that other modules share. What is only accepted stands under `unread` and has no field. Rules follow: `exclusive [a,
/// b];` (at most one), `one_of [a, b];` (at least one), `free_form a;`, `check_mode Partial;`, `facts "prefix_";`.
///
/// ```
/// use host::parameters::{HostPath, ModuleParameters};
///
/// host::parameters! {
///     /// Sets the message of the day.
///     pub struct MotdParameters for "motd" {
///         /// The message.
///         text | "message": String,
///         /// Where it is.
///         path: HostPath = "/etc/motd",
///     }
/// }
///
/// let given = [("message".to_owned(), "hello".into())].into_iter().collect();
/// let read = MotdParameters::read(&given).unwrap();
/// assert_eq!((read.text.as_str(), read.path.as_str()), ("hello", "/etc/motd"));
/// assert_eq!(MotdParameters::SPEC.params[1].help, "Where it is.");
/// let failure = MotdParameters::read(&Default::default()).unwrap_err();
/// assert_eq!(failure.msg, "missing required arguments: text");
/// ```
///
/// A name that was not declared is no field, so that a module which misspells one does not compile:
///
/// ```compile_fail,E0609
/// host::parameters! {
///     /// Sets the message of the day.
///     pub struct MotdParameters for "motd" {
///         /// The message.
///         text: String,
///     }
/// }
///
/// fn message(given: &MotdParameters) -> &str {
///     &given.txet
/// }
/// ```
///
/// Neither does a rule about one:
///
/// ```compile_fail,E0609
/// host::parameters! {
///     /// Sets the message of the day.
///     pub struct MotdParameters for "motd" {
///         /// The message.
///         text: Option<String>,
///         /// The file that holds it.
///         src: Option<String>,
///     }
///     exclusive [text, scr];
/// }
/// ```
#[macro_export]
macro_rules! parameters {
    (
        $(#[doc = $summary:literal])+
        $vis:vis struct $struct:ident for $module:literal { $($body:tt)* }
        $(unread { $($unread:tt)* })?
        $(exclusive [$($exclusive:ident),+ $(,)?];)*
        $(one_of [$($one_of:ident),+ $(,)?];)*
        $(free_form $free_form:ident;)?
        $(check_mode $check_mode:ident;)?
        $(facts $($facts:literal),+;)?
    ) => {
        $crate::parameters! {
            $(#[doc = $summary])+
            $vis struct $struct { $($body)* }
            $(unread { $($unread)* })?
        }

        impl $crate::parameters::ModuleParameters for $struct {
            #[allow(clippy::needless_update, reason = "a module may have rules of every kind")]
            const SPEC: &'static $crate::parameters::Spec = &$crate::parameters::Spec {
                name: $module,
                summary: $crate::parameters::Param::comment(concat!($($summary),+)),
                params: <$struct as $crate::parameters::Parameters>::PARAMS,
                exclusive: &[$(&[$($crate::parameter_name!($struct, $exclusive)),+]),*],
                one_of: &[$(&[$($crate::parameter_name!($struct, $one_of)),+]),*],
                $(free_form: Some($crate::parameter_name!($struct, $free_form)),)?
                $(check_mode: $crate::parameters::CheckMode::$check_mode,)?
                $(facts: &[$($facts),+],)?
                ..$crate::parameters::Spec::EMPTY
            };
        }
    };
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $struct:ident {
            $($(#[doc = $help:literal])+ $name:ident $(| $alias:literal)* : $type:ty $(= $default:literal)?,)*
            $(.. $shared:ident : $group:ty,)*
        }
        $(unread {
            $($(#[doc = $idle_help:literal])+ $idle:ident $(| $idle_alias:literal)* : $idle_type:ty
                $(= $idle_default:literal)?,)*
        })?
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        $vis struct $struct {
            $($(#[doc = $help])+ pub $name: $type,)*
            $(#[doc = concat!("What other modules take, too: [`", stringify!($group), "`].")] pub $shared: $group,)*
        }

        impl $crate::parameters::Parameters for $struct {
            const PARAMS: &'static [$crate::parameters::Param] = {
                use $crate::parameters::Param;
                const OWN: &[Param] = &[$(
                    Param::of::<$type>(stringify!($name), concat!($($help),+)).aliases(&[$($alias),*])
                    $(.default($default))?,
                )*];
                const UNREAD: &[Param] = &[$($(
                    Param::of::<$idle_type>(stringify!($idle), concat!($($idle_help),+)).aliases(&[$($idle_alias),*])
                    $(.default($idle_default))?,
                )*)?];
                const PARTS: &[&[Param]] =
                    &[OWN, $(<$group as $crate::parameters::Parameters>::PARAMS,)* UNREAD];
                const ALL: [Param; Param::count(PARTS)] = Param::joined(PARTS);
                &ALL
            };

            fn take(
                checked: &mut $crate::parameters::Checked,
            ) -> Option<Self> {
                let _ = &checked; // A module may take nothing.
                Some(Self {
                    $($name: checked.take(stringify!($name))?,)*
                    $($shared: <$group as $crate::parameters::Parameters>::take(checked)?,)*
                })
            }
        }
    };
}

/// The name of a declared parameter as text, for who writes arguments: one that was not declared does not compile.
///
/// ```
/// host::parameters! {
///     /// Shows the time.
///     pub struct ClockParameters for "clock" {
///         /// The zone.
///         zone: Option<String>,
///     }
/// }
///
/// assert_eq!(host::parameter_name!(ClockParameters, zone), "zone");
/// ```
#[macro_export]
macro_rules! parameter_name {
    ($struct:ty, $name:ident) => {{
        const _: usize = ::core::mem::offset_of!($struct, $name);
        stringify!($name)
    }};
}

#[cfg(test)]
mod tests;
