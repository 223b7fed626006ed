//! Results as SVG pictures.

use crate::{
	formula::{self, fraction, prices},
	market::{Cell, Market},
	run::{HONEST_PPB, LAMBDAS_PPB},
	strategy::Strategy,
	Row,
};
use anyhow::{Context, Result};
use assay_primitives::economics::{HONEST_SHARE_PPB, LAMBDA_DEFAULT_PPB, LAMBDA_MIN_PPB, PPB};
use plotters::{coord::ranged1d::ValueFormatter, prelude::*};
use std::path::Path;

const SIZE: (u32, u32) = (720, 420);
const COLOURS: [RGBColor; 5] = [
	RGBColor(31, 119, 180),
	RGBColor(214, 39, 40),
	RGBColor(44, 160, 44),
	RGBColor(148, 103, 189),
	RGBColor(255, 127, 14),
];

/// A line of a plot: its name and its points.
type Line = (String, Vec<(f64, f64)>);
/// Points with half of their 95 % interval.
type Measured = Vec<(f64, f64, f64)>;

/// Writes all pictures into a folder. Returns their names.
pub fn write(folder: &Path, rows: &[Row]) -> Result<Vec<&'static str>> {
	std::fs::create_dir_all(folder).with_context(|| format!("no folder {}", folder.display()))?;
	let pictures = [
		("profit-by-lambda.svg", profit_by_lambda(rows)?),
		("pledge-by-lambda.svg", pledge_by_lambda()?),
		("profit-by-honest-share.svg", profit_by_honest_share()?),
	];
	for (name, picture) in &pictures {
		let path = folder.join(name);
		std::fs::write(&path, picture)
			.with_context(|| format!("cannot write {}", path.display()))?;
	}
	Ok(pictures.map(|(name, _)| name).into())
}

/// Formulas as lines, what was played as points with their intervals.
fn profit_by_lambda(rows: &[Row]) -> Result<String> {
	let shown =
		[Strategy::Skimp, Strategy::Cheat, Strategy::Collude, Strategy::LazyAudit, Strategy::Farm];
	let lambdas = || (LAMBDA_MIN_PPB..=PPB / 10).step_by(1_000_000);
	let lines = shown.map(|strategy| {
		let point = |lambda_ppb| {
			let market = Market::of(Cell { lambda_ppb, ..Cell::DEFAULT })?;
			Some((100.0 * fraction(lambda_ppb), formula::advantage(&market, strategy)))
		};
		(strategy.name().to_string(), lambdas().filter_map(point).collect())
	});
	let measured = shown.map(|strategy| {
		let is_shown = |row: &&Row| {
			row.is_default
				&& row.value == 1
				&& row.strategy == strategy.name()
				&& row.honest_share == fraction(HONEST_SHARE_PPB)
		};
		rows.iter()
			.filter(is_shown)
			.map(|row| (100.0 * row.lambda, row.advantage, row.advantage_ci95))
			.collect()
	});
	let titles = Titles {
		caption: "What deviating earns more than honesty (price at risk, 30 % honest)",
		x: "audit rate, %",
		y: "prices of a job",
		legend: SeriesLabelPosition::MiddleRight,
	};
	draw_linear(&titles, 2.0..10.0, -5.0..0.5, &lines, &measured)
}

fn pledge_by_lambda() -> Result<String> {
	let lines = HONEST_PPB.map(|honest_ppb| {
		let point = |lambda_ppb| {
			let cell = Cell { lambda_ppb, honest_ppb, assumed_ppb: honest_ppb, ..Cell::DEFAULT };
			Some((100.0 * fraction(lambda_ppb), prices(Market::of(cell)?.pledge)))
		};
		let lambdas = (LAMBDAS_PPB[0]..=PPB / 10).step_by(1_000_000);
		let name = format!("{:.0} % honest", 100.0 * fraction(honest_ppb));
		(name, lambdas.filter_map(point).collect())
	});
	let titles = Titles {
		caption: "Pledge for a job with its price at risk",
		x: "audit rate, %",
		y: "prices of a job",
		legend: SeriesLabelPosition::UpperRight,
	};
	let mut picture = String::new();
	{
		let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
		area.fill(&WHITE)?;
		let mut chart = frame(&area, titles.caption)
			.build_cartesian_2d(0.0..10.0, (20.0..2_000.0).log_scale())?;
		finish(&mut chart, &titles, &lines, &[])?;
		area.present()?;
	}
	Ok(picture)
}

/// The pledge is that of the defaults; what if less of the audit stake is honest than they assume?
fn profit_by_honest_share() -> Result<String> {
	let lines: Vec<Line> = [1, 10, 100]
		.into_iter()
		.filter_map(|value_factor| {
			let market = Market::of(Cell { value_factor, ..Cell::DEFAULT })?;
			let point = |share: u32| {
				let detection_ppb =
					assay_primitives::economics::detection(LAMBDA_DEFAULT_PPB, share);
				let market = Market { detection_ppb, ..market };
				let relative =
					formula::advantage(&market, Strategy::Collude) / (prices(market.value) + 1.0);
				(100.0 * fraction(share), relative)
			};
			let shares = (PPB / 10..=PPB / 2).step_by(10_000_000);
			Some((format!("{value_factor}x at risk"), shares.map(point).collect()))
		})
		.collect();
	let titles = Titles {
		caption: "Colluding at the default rate and pledge, by the share that is honest",
		x: "honest share of the audit stake, %",
		y: "part of what is at stake",
		legend: SeriesLabelPosition::UpperRight,
	};
	draw_linear(&titles, 10.0..50.0, -1.5..1.0, &lines, &[])
}

/// What a plot says about itself.
struct Titles {
	caption: &'static str,
	x: &'static str,
	y: &'static str,
	/// A place that no line crosses.
	legend: SeriesLabelPosition,
}

fn draw_linear(
	titles: &Titles,
	x: std::ops::Range<f64>,
	y: std::ops::Range<f64>,
	lines: &[Line],
	measured: &[Measured],
) -> Result<String> {
	let mut picture = String::new();
	{
		let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
		area.fill(&WHITE)?;
		let mut chart = frame(&area, titles.caption).build_cartesian_2d(x.clone(), y)?;
		let zero = [(x.start, 0.0), (x.end, 0.0)];
		chart.draw_series(LineSeries::new(zero, BLACK.stroke_width(1)))?;
		finish(&mut chart, titles, lines, measured)?;
		area.present()?;
	}
	Ok(picture)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn frame<'a, 'b>(area: &'b Area<'a>, caption: &str) -> ChartBuilder<'b, 'b, SVGBackend<'a>> {
	let mut builder = ChartBuilder::on(area);
	builder
		.caption(caption, ("sans-serif", 17))
		.margin(12)
		.x_label_area_size(42)
		.y_label_area_size(58);
	builder
}

fn finish<'a, 'b: 'a, Y>(
	chart: &mut ChartContext<
		'a,
		SVGBackend<'b>,
		Cartesian2d<plotters::coord::types::RangedCoordf64, Y>,
	>,
	titles: &Titles,
	lines: &[Line],
	measured: &[Measured],
) -> Result<()>
where
	Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
	chart
		.configure_mesh()
		.x_desc(titles.x)
		.y_desc(titles.y)
		.light_line_style(TRANSPARENT)
		.bold_line_style(BLACK.mix(0.15))
		.draw()?;
	for ((name, points), colour) in lines.iter().zip(COLOURS) {
		chart
			.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
			.label(name.as_str())
			.legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
	}
	for (points, colour) in measured.iter().zip(COLOURS) {
		let interval = |&(x, y, half): &(f64, f64, f64)| {
			PathElement::new([(x, y - half), (x, y + half)], colour.stroke_width(1))
		};
		chart.draw_series(points.iter().map(interval))?;
		chart
			.draw_series(points.iter().map(|&(x, y, _)| Circle::new((x, y), 3, colour.filled())))?;
	}
	chart
		.configure_series_labels()
		.position(titles.legend.clone())
		.background_style(WHITE.mix(0.8))
		.border_style(BLACK.mix(0.3))
		.draw()?;
	Ok(())
}
